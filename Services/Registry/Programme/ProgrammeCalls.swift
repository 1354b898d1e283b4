import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// The calls about agencies, milestones and published figures.
struct ProgrammeCalls: Sendable {
    let core: RegistryCore

    func createAgency(_ request: Cdt_Registry_V1_CreateAgencyRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_CreateAgencyResponse
    {
        var reader = RequestReader(core)
        let message = request.agency
        let kind = reader.value(message.kind.rawValue, AgencyKind.self, "agency.kind")
        let name = reader.fields.line(message.displayName, "agency.display_name", limit: 300)
        let from = reader.fields.date(message.from, "agency.from")
        let to = reader.fields.date(message.to, "agency.to")
        if let from, let to, to < from {
            reader.fields.add(Problem(.datesReversed, "agency.to", ["from": from.description, "to": to.description]))
        }
        var unit: UnitRank?
        if kind == .province {
            unit = message.unit.isEmpty ? nil : reader.coded(message.unit, "agency.unit")
            if message.unit.isEmpty { reader.fields.add(Problem(.fieldMissing, "agency.unit")) }
            if let unit, core.units[unit].level != .province {
                reader.fields.add(
                    Problem(
                        .wrongUnitLevel, "agency.unit",
                        ["unit": core.units[unit].name, "expected": "province", "expectedVi": "đơn vị cấp tỉnh"]))
            }
        } else if !message.unit.isEmpty {
            reader.fields.add(Problem(.unitNotAllowed, "agency.unit"))
        }
        try reader.refuse()
        guard let kind, let name else { throw Refusal(.fieldMissing, "agency").error }
        let agency = Agency(
            id: UUIDv7.next(at: core.clock.now), kind: kind, name: name, unit: unit.map { core.units[$0].id },
            range: DateRange(from: from, to: to))
        return try await core.write(request.requestID, of: request, by: caller) { [core] tx, author in
            if let same = try ProgrammeStore.agency(named: name, kind: kind, in: tx) {
                return .failure(Refusal(.agencyExists, "agency.display_name", ["agency": same.resourceName]).error)
            }
            try ProgrammeStore.insert(agency, in: tx)
            try core.recorder.audit(agency.resourceName, before: nil, after: agency.message, by: author, in: tx)
            return .success(.with { $0.agency = agency.message })
        }
    }

    func listAgencies(_ request: Cdt_Registry_V1_ListAgenciesRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_ListAgenciesResponse
    {
        var reader = RequestReader(core)
        let kind =
            request.kind == .unspecified ? nil : reader.value(request.kind.rawValue, AgencyKind.self, "kind")
        try reader.refuse()
        let page = try core.page(request, caller)
        let all = try await core.database.readPooled { try ProgrammeStore.agencies(kind, in: $0) }
        let (part, next) = Self.part(of: all, page)
        return try .with {
            $0.agencies = part.map(\.message)
            if let next { $0.nextPageToken = try core.tokens.token(after: [next], of: request, caller.method) }
        }
    }

    func recordMilestone(_ request: Cdt_Registry_V1_RecordMilestoneRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_RecordMilestoneResponse
    {
        var reader = RequestReader(core)
        let message = request.milestone
        let agency = reader.id(message.agency, of: "agencies", "milestone.agency")
        let kind = reader.value(message.kind.rawValue, MilestoneKind.self, "milestone.kind")
        let date = reader.fields.date(message.date, "milestone.date", required: true)
        let document =
            message.hasDocument ? DocumentFields.read(message.document, "milestone.document", &reader.fields) : nil
        try reader.refuse()
        guard let agency, let kind, let date else { throw Refusal(.fieldMissing, "milestone").error }
        let milestone = Milestone(agency: agency, kind: kind, date: date, document: document)
        return try await core.write(request.requestID, of: request, by: caller) { [core] tx, author in
            guard let known = try ProgrammeStore.agency(agency, in: tx) else {
                return .failure(Refusal(.agencyNotFound, "milestone.agency", ["value": message.agency]).error)
            }
            let before = try ProgrammeStore.milestones(agency: agency, kind: kind, in: tx).first
            try ProgrammeStore.put(milestone, in: tx)
            try core.recorder.audit(
                "\(known.resourceName)/milestones/\(kind.rawValue)", before: before?.message, after: milestone.message,
                by: author, in: tx)
            return .success(.with { $0.milestone = milestone.message })
        }
    }

    func listMilestones(_ request: Cdt_Registry_V1_ListMilestonesRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_ListMilestonesResponse
    {
        var reader = RequestReader(core)
        let agency = request.agency.isEmpty ? nil : reader.id(request.agency, of: "agencies", "agency")
        let kind =
            request.kind == .unspecified ? nil : reader.value(request.kind.rawValue, MilestoneKind.self, "kind")
        try reader.refuse()
        let page = try core.page(request, caller)
        let all = try await core.database.readPooled {
            try ProgrammeStore.milestones(agency: agency, kind: kind, in: $0)
        }
        let (part, next) = Self.part(of: all, page)
        return try .with {
            $0.milestones = part.map(\.message)
            if let next { $0.nextPageToken = try core.tokens.token(after: [next], of: request, caller.method) }
        }
    }

    func status(_ request: Cdt_Registry_V1_GetProgrammeStatusRequest) async throws
        -> Cdt_Registry_V1_GetProgrammeStatusResponse
    {
        var reader = RequestReader(core)
        let day = reader.day(request.date)
        try reader.refuse()
        let units = core.units
        let provinces = Set(
            units.descendants(of: UnitIndex.nation, at: .province, on: day.date).map { units[$0].id })
        let shares = try await core.database.readPooled { tx in
            ProgrammeRule.shares(
                agencies: try ProgrammeStore.agencies(nil, in: tx),
                milestones: try ProgrammeStore.milestones(agency: nil, kind: nil, in: tx), provinces: provinces,
                on: day.date)
        }
        return .with {
            $0.shares = shares.map(\.message)
            $0.date = day.text
            $0.dateDefaulted = day.isDefault
        }
    }

    func recordFigure(_ request: Cdt_Registry_V1_RecordFigureRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_RecordFigureResponse
    {
        var reader = RequestReader(core)
        let message = request.figure
        let unit = reader.coded(message.unit, "figure.unit")
        let date = reader.fields.date(message.date, "figure.date", required: true)
        let source = reader.fields.line(message.source, "figure.source", limit: 300, required: false)
        if !Self.isIndicator(message.indicator) {
            reader.fields.add(
                Problem(.invalidIndicator, "figure.indicator", ["value": PersonFields.shown(message.indicator)]))
        }
        for (value, field) in [(message.value, "figure.value"), (message.outOf, "figure.out_of")] where value < 0 {
            reader.fields.add(
                Problem(.numberOutOfRange, field, ["value": String(value), "low": "0", "high": String(Int64.max)]))
        }
        if message.outOf > 0, message.value > message.outOf {
            reader.fields.add(
                Problem(
                    .numberOutOfRange, "figure.value",
                    ["value": String(message.value), "low": "0", "high": String(message.outOf)]))
        }
        if case .UNRECOGNIZED(let raw) = message.qualifier {
            reader.fields.add(Problem(.unknownValue, "figure.qualifier", ["value": String(raw)]))
        }
        try reader.refuse()
        guard let unit, let date, let source else { throw Refusal(.fieldMissing, "figure").error }
        let figure = Figure(
            unit: core.units[unit].id, indicator: message.indicator, date: date, value: message.value,
            // "Not given: read as EXACT."
            qualifier: message.qualifier == .unspecified ? 1 : message.qualifier.rawValue, outOf: message.outOf,
            source: source)
        return try await core.write(request.requestID, of: request, by: caller) { [core] tx, author in
            let before = try ProgrammeStore.figure(figure, in: tx)
            try ProgrammeStore.put(figure, in: tx)
            try core.recorder.audit(
                "\(figure.unit.unitName)/figures/\(figure.indicator)@\(figure.date)", before: before?.message,
                after: figure.message, by: author, in: tx)
            return .success(.with { $0.figure = figure.message })
        }
    }

    func listFigures(_ request: Cdt_Registry_V1_ListFiguresRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_ListFiguresResponse
    {
        var reader = RequestReader(core)
        let unit = request.unit.isEmpty ? nil : reader.coded(request.unit, "unit")
        try reader.refuse()
        let page = try core.page(request, caller)
        let all = try await core.database.readPooled { [units = core.units] tx in
            try ProgrammeStore.figures(unit: unit.map { units[$0].id }, indicator: request.indicator, in: tx)
        }
        let (part, next) = Self.part(of: all, page)
        return try .with {
            $0.figures = part.map(\.message)
            if let next { $0.nextPageToken = try core.tokens.token(after: [next], of: request, caller.method) }
        }
    }

    /// These lists are short, and only grow at their ends or not at all: a page is known by where it begins.
    private static func part<Row>(of all: [Row], _ page: PageTokens.Page) -> (ArraySlice<Row>, next: String?) {
        let start = min(page.position?.first.flatMap { Int($0) } ?? 0, all.count)
        let part = all[start...].prefix(page.size)
        return (part, part.endIndex < all.endIndex ? String(part.endIndex) : nil)
    }

    /// Lower-case letters, digits and `_`; at most 64.
    private static func isIndicator(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}

extension Agency {
    var message: Cdt_Registry_V1_Agency {
        .with {
            $0.name = resourceName
            $0.kind = .init(rawValue: kind.rawValue) ?? .unspecified
            $0.displayName = name
            $0.unit = unit?.unitName ?? ""
            $0.from = range.from.text
            $0.to = range.to.text
        }
    }
}

extension Milestone {
    var message: Cdt_Registry_V1_Milestone {
        .with {
            $0.agency = "agencies/\(agency)"
            $0.kind = .init(rawValue: kind.rawValue) ?? .unspecified
            $0.date = date.description
            if let document { $0.document = document.message }
        }
    }
}

extension ProgrammeRule.Share {
    var message: Cdt_Registry_V1_MilestoneShare {
        .with {
            $0.kind = .init(rawValue: milestone.rawValue) ?? .unspecified
            $0.agencyKind = .init(rawValue: agency.rawValue) ?? .unspecified
            $0.share = Coverage(covered: taken, all: all).ratio
        }
    }
}

extension Figure {
    var message: Cdt_Registry_V1_Figure {
        .with {
            $0.unit = unit == Unit.nationID ? "" : unit.unitName
            $0.indicator = indicator
            $0.date = date.description
            $0.value = value
            $0.qualifier = .init(rawValue: qualifier) ?? .unspecified
            $0.outOf = outOf
            $0.source = source
        }
    }
}
