import ServiceKit
import Shared
import SwiftProtobuf

/// The Registry's values as messages of the contract. Intervals are inclusive there, open ends empty.
extension LocalDate? {
    var text: String { self?.description ?? "" }
}

extension Document {
    var message: Cdt_Common_V1_LegalDocument {
        .with {
            $0.number = number
            $0.title = title
            $0.issuer = issuer
            $0.issuedOn = issuedOn.text
            $0.effectiveFrom = effective.from.text
            $0.effectiveTo = effective.to.text
        }
    }
}

extension UniqueID {
    var unitName: String { description(after: "units/") }
    var teamName: String { description(after: "teams/") }
    var personName: String { description(after: "people/") }
}

extension UnitIndex {
    /// A unit as seen on a day.
    func message(_ rank: UnitRank, on date: LocalDate?) -> Cdt_Registry_V1_Unit {
        let unit = self[rank]
        let parent = date.map { self.parent(of: rank, on: $0) } ?? parents(of: rank).last?.parent
        return .with {
            $0.name = unit.id.unitName
            $0.level = Cdt_Registry_V1_UnitLevel(rawValue: unit.level.rawValue) ?? .unspecified
            $0.code = unit.code
            $0.displayName = unit.name
            $0.kind = unit.kind
            $0.parent = parent.map { self[$0].id.unitName } ?? ""
            $0.validFrom = unit.validity.from.text
            $0.validTo = unit.validity.to.text
            $0.aliases = unit.aliases
            $0.successors = successors(of: rank).map { self[$0.target].id.unitName }
        }
    }

    /// A unit version as the feed tells it; its parent is the last one.
    func fact(_ rank: UnitRank) -> Cdt_Registry_V1_UnitFact {
        .with {
            $0.unit = message(rank, on: nil)
            $0.placements = parents(of: rank).map { line in
                .with {
                    $0.parent = self[line.parent].id.unitName
                    $0.from = line.range.from.text
                    $0.to = line.range.to.text
                }
            }
        }
    }

    /// A hamlet as seen on a day; without a day with its last known commune.
    func message(_ hamlet: Hamlet, on date: LocalDate?) -> Cdt_Registry_V1_Unit {
        let stay = date.map { hamlet.stay(on: $0) } ?? hamlet.stays.last { $0.basis != .ended }
        return .with {
            $0.name = hamlet.id.unitName
            $0.level = .hamlet
            $0.displayName = hamlet.name
            $0.kind = hamlet.kind
            $0.parent = stay.map { name(of: $0.commune) } ?? ""
            $0.validFrom = hamlet.validFrom.text
        }
    }

    func fact(_ hamlet: Hamlet) -> Cdt_Registry_V1_UnitFact {
        .with {
            $0.unit = message(hamlet, on: nil)
            $0.placements = hamlet.stays.filter { $0.basis != .ended }.map { stay in
                .with {
                    $0.parent = name(of: stay.commune)
                    $0.from = stay.range.from.text
                    $0.to = stay.range.to.text
                }
            }
        }
    }
}

extension UnitIndex {
    /// A team as the feed tells it.
    func fact(_ team: Team) -> Cdt_Registry_V1_TeamFact {
        .with {
            $0.team = team.id.teamName
            $0.level = team.level.message
            $0.displayName = team.name
            $0.statusHistory = statusHistory(of: team)
            $0.placements = placements(of: team)
            if let decision = team.decision { $0.decision = decision.message }
        }
    }

    /// A team as seen on a day.
    func message(_ team: Team, on date: LocalDate, flags: [TeamFlag]) -> Cdt_Registry_V1_Team {
        let stretch = team.stretch(on: date)
        return .with {
            $0.name = team.id.teamName
            $0.level = team.level.message
            $0.unit = stretch?.place?.unit?.unitName ?? ""
            $0.displayName = team.name
            $0.status = stretch.flatMap { .init(rawValue: $0.status.rawValue) } ?? .unspecified
            $0.statusHistory = statusHistory(of: team)
            $0.placements = placements(of: team)
            if let decision = team.decision { $0.decision = decision.message }
            $0.flags = flags.map(\.rawValue)
            $0.sourceSystem = team.source?.system ?? ""
            $0.externalID = team.source?.externalID ?? ""
            $0.etag = Etag.of(version: team.edition)
            $0.createTime = team.createdAt.timestamp
            $0.updateTime = team.updatedAt.timestamp
            $0.nameVariant = .init(rawValue: team.nameVariant.rawValue) ?? .unspecified
        }
    }

    private func statusHistory(of team: Team) -> [Cdt_Registry_V1_TeamStatusPeriod] {
        TeamHistory.statuses(of: team.stretches).map { period in
            .with {
                $0.status = .init(rawValue: period.status.rawValue) ?? .unspecified
                $0.from = period.range.from.text
                $0.to = period.range.to.text
            }
        }
    }

    /// A commune that ended without a recorded successor is told as the place: "its figures stay with the parent then
    /// in force", which who counts finds by it.
    private func placements(of team: Team) -> [Cdt_Registry_V1_TeamPlacement] {
        TeamHistory.units(of: team.stretches) { self[$0].id }.map { unit, range in
            .with {
                $0.unit = unit.unitName
                $0.from = range.from.text
                $0.to = range.to.text
            }
        }
    }
}

extension TeamLevel {
    fileprivate var message: Cdt_Common_V1_TeamLevel { .init(rawValue: rawValue) ?? .unspecified }
}

extension Person {
    var message: Cdt_Registry_V1_Person {
        .with {
            $0.name = id.personName
            $0.fullName = fullName
            $0.birthYear = Int32(birthYear ?? 0)
            $0.birthDate = birthDate.text
            $0.sex = .init(rawValue: sex) ?? .unspecified
            $0.phones = phones
            $0.email = email
            $0.zaloUserIds = zaloUserIDs
            $0.occupation = .init(rawValue: occupation) ?? .unspecified
            $0.organisations = organisations
            $0.residenceUnit = residenceUnit?.unitName ?? ""
            $0.workUnit = workUnit?.unitName ?? ""
            $0.sourceSystem = source?.system ?? ""
            $0.externalID = source?.externalID ?? ""
            $0.etag = Etag.of(version: version)
            $0.hasCitizenID_p = citizenHash != nil
            $0.mergedInto = mergedInto?.personName ?? ""
            $0.erased = erasedAt != nil
        }
    }

    var contact: Cdt_Registry_V1_ContactFact {
        .with {
            $0.person = id.personName
            $0.fullName = fullName
            $0.phones = phones
            $0.email = email
            $0.zaloUserIds = zaloUserIDs
        }
    }
}

extension Membership {
    var resourceName: String { "\(team.teamName)/memberships/\(id)" }

    var message: Cdt_Registry_V1_Membership {
        .with {
            $0.name = resourceName
            $0.person = person.personName
            $0.team = team.teamName
            $0.role = .init(rawValue: role.rawValue) ?? .unspecified
            $0.from = range.from.text
            $0.to = range.to.text
            $0.reason = reason
            $0.sourceSystem = source?.system ?? ""
            $0.externalID = source?.externalID ?? ""
            $0.etag = Etag.of(version: edition)
            $0.void = isVoid
        }
    }

    func fact(of person: Person) -> Cdt_Registry_V1_MembershipFact {
        .with {
            $0.membership = resourceName
            $0.team = team.teamName
            $0.person = self.person.personName
            $0.role = .init(rawValue: role.rawValue) ?? .unspecified
            $0.from = range.from.text
            $0.to = range.to.text
            $0.occupation = .init(rawValue: person.occupation) ?? .unspecified
            $0.organisations = person.organisations
            $0.void = isVoid
        }
    }
}

extension Coverage {
    var ratio: Cdt_Common_V1_Ratio {
        .with {
            $0.numerator = Int64(covered)
            $0.denominator = Int64(all)
            $0.percent = RatioFormat.percent(covered, of: all)
        }
    }
}
