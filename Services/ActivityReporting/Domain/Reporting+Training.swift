import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension Reporting {
    /// Members of a team on a day, ordered.
    private static func members(of team: String, on day: LocalDate, in tx: ReadTransaction) throws -> [String] {
        let stretches = try RegistryFactsStore.memberships(from: team, through: team, in: tx)[team] ?? []
        return Set(stretches.filter { $0.days.contains(day) }.map(\.person)).sorted()
    }

    static func createCourse(
        _ course: Cdt_Activity_V1_Course, id: UniqueID, by caller: String, _ keeper: ObligationKeeper
    )
        throws -> Result<Cdt_Activity_V1_Course, Refusal>
    {
        if !course.unit.isEmpty, try RegistryFactsStore.unit(ResourceName.lastID(course.unit), in: keeper.tx) == nil {
            return .failure(.unitNotFound(course.unit))
        }
        var stored = course
        stored.name = Names.name("courses", id.description)
        try TrainingStore.insert(stored, id: id.description, by: caller, now: keeper.now, in: keeper.tx)
        return .success(stored)
    }

    static func assess(
        _ assessments: [Cdt_Activity_V1_SkillAssessment], of team: String, on day: LocalDate, by caller: String,
        _ keeper: ObligationKeeper
    ) throws -> Result<Void, Refusal> {
        let people = assessments.enumerated().map { ("assessments[\($0)].person", $1.person) }
        if let refusal = try strangers(people, to: team, on: day, in: keeper.tx) {
            return .failure(refusal)
        }
        for assessment in assessments {
            try TrainingStore.put(assessment, on: day, by: caller, now: keeper.now, in: keeper.tx)
        }
        return .success(())
    }

    /// What is wrong when some are not members of a team on a day; nil: all are.
    ///
    /// - Parameter people: with the field that names each.
    static func strangers(
        _ people: [(field: String, person: String)], to team: String, on day: LocalDate, in tx: ReadTransaction
    ) throws -> Refusal? {
        let id = ResourceName.lastID(team)
        guard try RegistryFactsStore.team(id, in: tx) != nil else { return .teamNotFound(team) }
        let members = Set(try members(of: id, on: day, in: tx))
        let strangers = people.filter { !members.contains(ResourceName.lastID($0.person)) }
        return strangers.isEmpty ? nil : .notAMember(strangers, team: team, day)
    }

    /// A page of the courses that are offered to somebody within a caller's reach, and where the next one begins; nil
    /// at the end.
    ///
    /// - Parameter unit: offered there, by itself or from above; nil: anywhere.
    func courses(for identity: Identity, unit: String?, before: String?, limit: Int) async throws
        -> (page: [Cdt_Activity_V1_Course], next: String?)
    {
        let today = clock.today
        return try await judge(identity) { reach, tx in
            let chain = try unit.map { try Reporting.chain(of: $0, on: today, reach.map, in: tx) }
            let rows = try TrainingStore.courses(before: before, limit: limit, in: tx)
            let page = rows.filter { course in
                let by = ResourceName.lastID(course.unit)
                return by.isEmpty || (chain?.contains(by) ?? true) && reach.isOffered(.read, by: by)
            }
            return (page, rows.count == limit ? rows.last.map { ResourceName.lastID($0.name) } : nil)
        }
    }

    /// The skill matrix of a team on a day, and what follows from it for the team.
    func skills(of team: String, on day: LocalDate) async throws -> Cdt_Activity_V1_GetTeamSkillsResponse {
        try await database.readPooled { tx in
            guard try RegistryFactsStore.team(team, in: tx) != nil else { throw Refusal.teamNotFound("teams/\(team)") }
            let members = try Reporting.members(of: team, on: day, in: tx)
            let evidence = try members.flatMap { try TrainingStore.evidence(of: $0, in: tx) }
            let matrix = SkillMatrix(evidence, on: day)
            return .with { reply in
                reply.members = Int32(members.count)
                reply.entries = matrix.entries.sorted { $0.key < $1.key }.map { key, entry in
                    .with {
                        $0.person = Names.name("people", key.person)
                        $0.skill = .init(rawValue: key.skill) ?? .unspecified
                        $0.platform = key.platform
                        $0.level = .init(rawValue: entry.level.rawValue) ?? .unspecified
                        $0.knownSince = entry.since.description
                    }
                }
                for skill in Cdt_Activity_V1_Skill.allCases where skill != .unspecified {
                    let levels = members.map { matrix.best(of: $0, in: skill.rawValue) }
                    let teachers = matrix.teachers(of: skill.rawValue, among: members)
                    reply.insights.append(
                        .with {
                            $0.skill = skill
                            $0.unknown = Int32(levels.count { $0 == nil })
                            $0.using = Int32(levels.count { $0.map { $0 >= .uses } ?? false })
                            $0.teachers = teachers.map { Names.name("people", $0) }
                            $0.canBeTaught = !teachers.isEmpty
                        })
                }
            }
        }
    }
}
