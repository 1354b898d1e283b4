import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension Reporting {
    /// Which share of the activities of a period each group of members has.
    func participation(_ query: FigureQuery) async throws -> Cdt_Activity_V1_GetParticipationResponse {
        try await database.readPooled { [maps] tx in
            try Reporting.opened(query.period, in: tx)
            let map = try maps.map(in: tx)
            let unit = try Reporting.unit(query, map, in: tx)
            var sums = Participation()
            for place in try Reporting.places(of: unit, on: query.treeDate, map, in: tx) {
                try ParticipationStore.add(query.period, place: place, level: query.level, to: &sums, in: tx)
            }
            func view(_ share: Participation.Share) -> Cdt_Activity_V1_GroupShare {
                .with {
                    $0.activities = Reporting.share(share.amount, sums.total.amount)
                    $0.reports = share.reports
                    $0.narrow = sums.isNarrow(share)
                }
            }
            return .with { reply in
                for (occupation, share) in sums.occupations.sorted(by: { $0.key < $1.key }) {
                    var group = view(share)
                    group.occupation = .init(rawValue: occupation) ?? .unspecified
                    if occupation == 0 { group.narrow = false }
                    reply.occupations.append(group)
                }
                for (name, share) in sums.rankedOrganisations {
                    var group = view(share)
                    group.organisation = name
                    reply.organisations.append(group)
                }
                reply.activities = sums.total.amount
                reply.narrowParticipation = sums.isNarrow
            }
        }
    }

    /// Of whom the teams under a unit are made up on a day.
    func composition(unit id: String?, on date: LocalDate, level: TeamLevel?) async throws
        -> Cdt_Activity_V1_GetCompositionResponse
    {
        try await database.readPooled { [maps] tx in
            let map = try maps.map(in: tx)
            let unit = try Reporting.unit(
                FigureQuery(period: date.calendarMonth, unit: id, treeDate: date), map, in: tx)
            var (sums, roles, members, teams) = (Participation(), [Int: Int64](), 0, 0)
            for place in try Reporting.places(of: unit, on: date, map, in: tx) {
                let found = try ParticipationStore.members(on: date, place: place, level: level, in: tx) {
                    role, groups, count in
                    roles[role, default: 0] += count
                    sums.add(count, reports: 0, by: groups)
                }
                members += found.members
                teams += found.teams
            }
            return .with { reply in
                reply.members = Int64(members)
                reply.teams = Int64(teams)
                reply.roles = roles.sorted { $0.key < $1.key }.map { role, count in
                    .with {
                        $0.role = .init(rawValue: role) ?? .unspecified
                        $0.members = Reporting.share(count, Int64(members))
                    }
                }
                reply.occupations = sums.occupations.sorted { $0.key < $1.key }.map { occupation, share in
                    .with {
                        $0.occupation = .init(rawValue: occupation) ?? .unspecified
                        $0.members = Reporting.share(share.amount, Int64(members))
                    }
                }
                reply.organisations = sums.rankedOrganisations.map { name, share in
                    .with {
                        $0.organisation = name
                        $0.members = Reporting.share(share.amount, Int64(members))
                    }
                }
            }
        }
    }

    /// The places whose teams lie under a unit; nil stands for all there are.
    private static func places(of unit: UnitRecord, on date: LocalDate, _ map: PlaceMap, in tx: ReadTransaction) throws
        -> [Int?]
    {
        if unit.level == .nation { return [nil] }
        if unit.level < .hamlet { return map.places(under: unit.id, on: date).map(\.id) }
        // A hamlet shares its place with its commune's other teams.
        throw Refusal.invalid(
            "unit", reason: "UNIT_TOO_SMALL", "give a commune or a unit above it", vi: "cần đơn vị từ cấp xã trở lên")
    }
}
