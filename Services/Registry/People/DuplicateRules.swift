import ServiceKit

/// What is compared of a person.
package struct PersonLikeness: Sendable, Hashable {
    package var id: UniqueID
    package var fullName: String
    package var folded: String
    package var birthYear: Int?
    package var birthDate: LocalDate?
    package var sex: Int
    package var phones: [String]
    package var citizenHash: [UInt8]?
}

/// R10: "candidates by folded name + birth year + phone or citizen-id hash, scored. A name alone never identifies a
/// person (the commonest occurs 362 times)." Over values alone.
package enum DuplicateRules {
    package struct Likeness: Sendable, Hashable {
        /// 1 to 100.
        package var score: Int
        package var reasons: [String]
    }

    /// How alike two people are; nil when they are no candidates.
    package static func likeness(_ a: PersonLikeness, _ b: PersonLikeness) -> Likeness? {
        var reasons: [String] = []
        if let first = a.citizenHash, let second = b.citizenHash {
            // Different citizen ids are different people, whatever else they share.
            guard first == second else { return nil }
            reasons.append("CITIZEN_ID")
        }
        let sameName = !a.folded.isEmpty && a.folded == b.folded
        let sameYear = a.birthYear != nil && a.birthYear == b.birthYear
        let sameDate = a.birthDate != nil && a.birthDate == b.birthDate
        let sharedPhone = a.phones.contains { b.phones.contains($0) }
        if sameName { reasons.append("NAME") }
        if sameDate { reasons.append("BIRTH_DATE") } else if sameYear { reasons.append("BIRTH_YEAR") }
        if sharedPhone { reasons.append("PHONE") }
        if reasons.first == "CITIZEN_ID" { return Likeness(score: 100, reasons: reasons) }
        guard sameName, sameYear, sharedPhone else { return nil }
        if let first = a.birthDate, let second = b.birthDate, first != second { return nil }
        var score = sameDate ? 90 : 80
        if a.fullName == b.fullName { score += 5 }
        if a.sex != 0, b.sex != 0, a.sex != b.sex { score -= 40 }
        return Likeness(score: score, reasons: reasons)
    }
}

/// Merging two people, over values alone.
package enum MergeRules {
    /// R7 for one person: never twice in the same team at once. Two teams of a level at once is for a person to look
    /// at.
    package static func problems(merged: [MembershipRules.OfPerson], survivor: [MembershipRules.OfPerson]) -> [Problem]
    {
        var problems: [Problem] = []
        for mine in merged where !mine.membership.isVoid {
            for other in survivor where !other.membership.isVoid {
                guard let common = mine.membership.range.intersection(other.membership.range) else { continue }
                let values = [
                    "membership": mine.membership.resourceName, "other": other.membership.resourceName,
                    "from": common.from?.description, "to": common.to?.description,
                ]
                if mine.membership.team == other.membership.team {
                    problems.append(Problem(.membershipsOverlap, "merged", values))
                } else if mine.level == other.level {
                    problems.append(Problem(.twoTeamsOfLevel, "merged", values))
                }
            }
        }
        return problems
    }
}
