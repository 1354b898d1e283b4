import RPC
import Shared

/// How people name a unit on the command line: `units/{id}`, `vn` for the country, or a national code, which means
/// something only together with a date.
extension Connections {
    /// The resource name of a unit; empty for the country.
    func unitName(_ text: String, on date: String) async throws -> String {
        if text.isEmpty || text == "vn" || text == "units/vn" { return "" }
        if text.hasPrefix("units/") { return text }
        return try await resolve(code: text, on: date).unit.name
    }

    /// The resource name of the country, the parent of its provinces.
    func nationName() async throws -> String {
        var request = Cdt_Registry_V1_ListUnitsRequest()
        request.pageSize = 1
        return try await registry.listUnits(request, options: call).units.first?.parent ?? ""
    }

    /// The same where the country, too, is to be named.
    func unitOrNationName(_ text: String, on date: String) async throws -> String {
        let name = try await unitName(text, on: date)
        return name.isEmpty ? try await nationName() : name
    }

    func resolve(code: String, on date: String) async throws -> Cdt_Registry_V1_ResolveUnitCodeResponse {
        var request = Cdt_Registry_V1_ResolveUnitCodeRequest()
        request.code = code
        request.date = date
        return try await registry.resolveUnitCode(request, options: call)
    }

    /// The resource name of a team: `teams/{id}` itself, or `SYSTEM:KEY`, its key in the system it came from.
    func teamName(_ text: String) async throws -> String {
        guard !text.hasPrefix("teams/") else { return text }
        return try await team(text, on: "").team.name
    }

    /// The resource names of the teams that the rows of a file give, each asked for once.
    func teamNames(_ given: some Sequence<String>) async throws -> [String: String] {
        var names: [String: String] = [:]
        for text in given where names[text] == nil { names[text] = try await teamName(text) }
        return names
    }

    func team(_ text: String, on date: String) async throws -> Cdt_Registry_V1_GetTeamResponse {
        var request = Cdt_Registry_V1_GetTeamRequest()
        if let key = sourceKey(text) { request.source = key } else { request.name = text }
        request.date = date
        return try await registry.getTeam(request, options: call)
    }

    /// `SYSTEM:KEY`; nil for a resource name.
    func sourceKey(_ text: String) -> Cdt_Registry_V1_SourceKey? {
        guard let colon = text.firstIndex(of: ":") else { return nil }
        var key = Cdt_Registry_V1_SourceKey()
        key.sourceSystem = String(text[..<colon])
        key.externalID = String(text[text.index(after: colon)...])
        return key
    }
}
