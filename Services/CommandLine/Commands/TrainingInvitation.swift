import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

/// Who is invited to a session, as arguments say it.
struct InvitationArguments: ParsableArguments {
    @Flag(help: "Invite the members of the teams in the session's unit.")
    var invite = false
    @Option(help: "Invite those of the teams in this unit: units/{id}, vn, or a national code of today.")
    var inviteUnit: String?
    @Option(help: "Invite from teams of this level only: commune or hamlet.")
    var inviteLevel: Cdt_Common_V1_TeamLevel?
    @Option(help: "Invite members with this role only: leader, deputy or member; may be repeated.")
    var inviteRole: [Cdt_Registry_V1_MemberRole] = []
    @Option(help: "Invite these people only: CSV with the columns team and person.", completion: .file())
    var invitees: String?

    private var names: Bool { invite || inviteUnit != nil || inviteLevel != nil || !inviteRole.isEmpty }
    /// Whether anything is said of it.
    var isGiven: Bool { names || invitees != nil }

    func validate() throws {
        guard invitees == nil || !names else {
            throw ValidationError("--invitees names who is invited: leave out the other options of the invitation.")
        }
    }

    /// Nil: nothing is said of it.
    func invitation(_ suite: Connections) async throws -> Cdt_Activity_V1_SessionInvitation? {
        guard isGiven else { return nil }
        var invitation = try invitation()
        if let inviteUnit { invitation.unit = try await suite.unitOrNationName(inviteUnit, on: "") }
        let teams = try await suite.teamNames(invitation.invitees.map(\.team))
        for i in invitation.invitees.indices {
            let given = invitation.invitees[i].team
            invitation.invitees[i].team = teams[given] ?? given
        }
        return invitation
    }

    /// With the teams as they are given, and without the unit.
    func invitation() throws -> Cdt_Activity_V1_SessionInvitation {
        var invitation = Cdt_Activity_V1_SessionInvitation()
        if let inviteLevel { invitation.teamLevels = [inviteLevel] }
        invitation.roles = inviteRole
        if let invitees {
            invitation.invitees = try Invitees.rows(of: CSVDocument(contentsOf: URL(fileURLWithPath: invitees)))
        }
        return invitation
    }
}

/// The rows of a list of people who are invited.
enum Invitees {
    /// With the teams as they are given.
    static func rows(of document: CSVDocument) throws -> [Cdt_Activity_V1_Invitee] {
        let (team, person) = (try document.column("team"), try document.column("person"))
        let rows = try document.records().map { record in
            Cdt_Activity_V1_Invitee.with {
                $0.team = record.fields[team]
                $0.person = record.fields[person]
            }
        }
        // An empty list would invite all.
        guard !rows.isEmpty else {
            throw CSVError(file: document.file, line: 1, problem: "names nobody; each line after this one is a person")
        }
        return rows
    }
}

/// Who is invited to a session, in words.
func invited(to session: Cdt_Activity_V1_TrainingSession) -> String {
    guard session.hasInvitation else { return "nobody" }
    let invitation = session.invitation
    if !invitation.invitees.isEmpty {
        return invitation.invitees.count == 1 ? "1 person" : "\(grouped(invitation.invitees.count)) people"
    }
    let whom = invitation.roles.isEmpty ? "all members" : invitation.roles.map { label($0) }.joined(separator: ", ")
    let teams = invitation.teamLevels.map { "\(label($0)) " }.joined(separator: "and ") + "teams"
    let place = [invitation.unit, session.unit].first { !$0.isEmpty } ?? "vn"
    return "\(whom) of the \(teams) in \(place)"
}
