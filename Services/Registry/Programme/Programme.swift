import ServiceKit

/// Kind of an agency. Raw values are those of the contract.
package enum AgencyKind: Int, Sendable, Hashable, CaseIterable {
    case ministry = 1
    case province
    case coordinatingBody
}

/// An agency: agencies are entities beside units.
package struct Agency: Sendable, Hashable {
    package var id: UniqueID
    package var kind: AgencyKind
    package var name: String
    /// A province's.
    package var unit: UniqueID?
    package var range: DateRange

    package var resourceName: String { "agencies/\(id)" }
}

/// A step of the programme. Raw values are those of the contract.
package enum MilestoneKind: Int, Sendable, Hashable, CaseIterable {
    case steeringCommittee = 1
    case planIssued
    case teamModelStarted
    case networkJoined
    case fullCoverage
}

/// A step that an agency has taken.
package struct Milestone: Sendable, Hashable {
    package var agency: UniqueID
    package var kind: MilestoneKind
    package var date: LocalDate
    package var document: Document?
}

/// A published figure: "more than", "nearly" are part of the fact.
package struct Figure: Sendable, Hashable {
    package var unit: UniqueID
    package var indicator: String
    package var date: LocalDate
    package var value: Int64
    /// As in the contract: 1 exact, 2 at least, 3 nearly.
    package var qualifier: Int
    package var outOf: Int64
    package var source: String
}

/// "62 of 63 provinces have issued a plan" as of a date, over values.
package enum ProgrammeRule {
    package struct Share: Sendable, Hashable {
        package var milestone: MilestoneKind
        package var agency: AgencyKind
        package var taken: Int
        package var all: Int
    }

    /// - Parameter provinces: the provinces in force on the date; an agency of a province that is not among them counts
    ///   no more, nor does what it did.
    package static func shares(
        agencies: [Agency], milestones: [Milestone], provinces: Set<UniqueID>, on date: LocalDate
    ) -> [Share] {
        let taken = Dictionary(grouping: milestones.filter { $0.date <= date }, by: \.kind)
            .mapValues { Set($0.map(\.agency)) }
        func share(_ milestone: MilestoneKind, _ kind: AgencyKind) -> Share {
            let own = agencies.filter { agency in
                agency.kind == kind && agency.range.contains(date)
                    && (kind != .province || agency.unit.map(provinces.contains) ?? false)
            }
            let done = own.filter { taken[milestone]?.contains($0.id) ?? false }
            // A province counts once, whatever number of agencies it has recorded.
            return kind == .province
                ? Share(
                    milestone: milestone, agency: kind, taken: Set(done.compactMap(\.unit)).count, all: provinces.count)
                : Share(milestone: milestone, agency: kind, taken: done.count, all: own.count)
        }
        return MilestoneKind.allCases.flatMap { [share($0, .province), share($0, .ministry)] }
            + [share(.networkJoined, .coordinatingBody)]
    }
}
