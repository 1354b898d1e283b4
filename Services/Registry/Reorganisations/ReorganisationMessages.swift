import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension ReorganisationScript {
    /// Reads a draft; what its form alone shows to be wrong is refused together.
    init(
        _ request: Cdt_Registry_V1_CreateReorganisationRequest, event: Reorganisation, _ reader: inout RequestReader
    ) throws {
        effectiveOn = event.effectiveOn
        newUnits = []
        lines = []
        var fields = reader.fields
        for (index, message) in request.newUnits.enumerated() {
            let field = "new_units[\(index)]"
            if !Self.isKey(message.key) {
                fields.add(Problem(.invalidKey, "\(field).key", ["value": PersonFields.shown(message.key)]))
            }
            let name = fields.line(message.displayName, "\(field).display_name", limit: 200)
            let kind = fields.line(message.kind, "\(field).kind", limit: 60)
            guard let level = UnitLevel(rawValue: message.level.rawValue) else {
                fields.add(Problem(.fieldMissing, "\(field).level"))
                continue
            }
            var parent = NewUnit.Parent.inherited
            if message.parent == "units/vn" {
                parent = .unit(Unit.nationID)
            } else if message.parent.hasPrefix("units/") {
                reader.fields = fields
                if let id = reader.id(message.parent, of: "units", "\(field).parent") { parent = .unit(id) }
                fields = reader.fields
            } else if !message.parent.isEmpty {
                parent = .key(message.parent)
            }
            guard let name, let kind else { continue }
            newUnits.append(
                NewUnit(
                    key: message.key, id: event.unitID(key: message.key), level: level, code: message.code, name: name,
                    kind: kind, parent: parent))
        }
        reader.fields = fields
        for (index, message) in request.lines.enumerated() {
            let field = "lines[\(index)]"
            let kind = reader.value(message.kind.rawValue, ReorganisationKind.self, "\(field).kind")
            let source = reader.id(message.source, of: "units", "\(field).source")
            var target = ReorganisationLine.Target.none
            if message.target == "units/vn" {
                target = .unit(Unit.nationID)
            } else if message.target.hasPrefix("units/") {
                if let id = reader.id(message.target, of: "units", "\(field).target") { target = .unit(id) }
            } else if !message.target.isEmpty {
                target = .key(message.target)
            }
            guard let kind, let source else { continue }
            lines.append(
                ReorganisationLine(kind: kind, source: source, target: target, isDefault: message.isDefault))
        }
        try reader.refuse()
    }

    /// Letters, digits, `.`, `_` and `-`; at most 64.
    private static func isKey(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

extension Reorganisation {
    var message: Cdt_Registry_V1_Reorganisation {
        .with {
            $0.name = name
            $0.title = title
            $0.effectiveOn = effectiveOn.description
            if let document { $0.document = document.message }
            $0.state = .init(rawValue: state.rawValue) ?? .unspecified
            $0.etag = Etag.of(version: version)
            $0.createTime = createdAt.timestamp
            $0.updateTime = updatedAt.timestamp
        }
    }
}

extension ReorganisationStore.Listed {
    var message: Cdt_Registry_V1_Reorganisation {
        var message = event.message
        message.lineCount = lines
        message.newUnitCount = newUnits
        return message
    }
}

extension NewUnit {
    var message: Cdt_Registry_V1_NewUnit {
        .with {
            $0.key = key
            $0.level = .init(rawValue: level.rawValue) ?? .unspecified
            $0.code = code
            $0.displayName = name
            $0.kind = kind
            switch parent {
            case .inherited: break
            case .unit(let id): $0.parent = id.unitName
            case .key(let key): $0.parent = key
            }
        }
    }
}

extension ReorganisationLine {
    /// `ids`: of the new units by key, once they are there.
    func message(ids: [String: UniqueID]) -> Cdt_Registry_V1_ReorganisationLine {
        .with {
            $0.kind = .init(rawValue: kind.rawValue) ?? .unspecified
            $0.source = source.unitName
            switch target {
            case .none: break
            case .unit(let id): $0.target = id.unitName
            case .key(let key): $0.target = ids[key]?.unitName ?? key
            }
            $0.isDefault = isDefault
        }
    }
}

extension ReorganisationWork {
    func message(_ effect: Effect, in tx: ReadTransaction) throws -> Cdt_Registry_V1_ReorganisationEffect {
        let ended = Set(change.ended.map { after[$0].id })
        let policies = try CapacityStore.all(in: tx).filter {
            ended.contains($0.unit) && $0.range.lastDay >= change.on
        }
        let grants = try GrantStore.grants(on: ended, in: tx)
        let total = effect.total
        return .with {
            $0.unitsEnded = Int64(change.ended.count)
            $0.unitsCreated = Int64(change.created.count)
            $0.unitsMoved = Int64(change.moved.count)
            $0.teams = Int64(total.teams)
            $0.hamlets = Int64(total.hamlets)
            $0.memberships = Int64(total.memberships)
            $0.needsPlacement = Int64(effect.needsPlacement)
            $0.needsConsolidation = Int64(effect.activeTeams.values.count { $0 > 1 })
            $0.capacityPolicies = policies.map { "capacityPolicies/\($0.id)" }
            $0.grants = grants.map(\.name)
            $0.moves = effect.moves.sorted { a, b in
                (after[a.key.source].code, a.key.source, a.key.target ?? -1)
                    < (after[b.key.source].code, b.key.source, b.key.target ?? -1)
            }.map { move, numbers in
                .with {
                    $0.source = after[move.source].id.unitName
                    $0.target = move.target.map { after[$0].id.unitName } ?? ""
                    $0.teams = Int64(numbers.teams)
                    $0.hamlets = Int64(numbers.hamlets)
                    $0.memberships = Int64(numbers.memberships)
                    $0.presumed = move.isPresumed
                }
            }
        }
    }
}
