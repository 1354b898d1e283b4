import RPC
import ServiceKit
import Shared

/// What a call needs: a verb, and on what. Dates are as the request has them: those that cannot be read are refused by
/// the handler, to those who may ask at all.
enum AccessNeed: Sendable {
    /// The verb anywhere: what is asked for is judged one by one.
    case somewhere(AccessVerb)
    /// The verb in the whole nation.
    case nation(AccessVerb)
    /// A unit, `units/{id}`; empty: the nation.
    case unit(AccessVerb, String, date: String = "")
    /// Everything under a unit in the tree of a day; empty: of the date.
    case subtree(AccessVerb, String, date: String, tree: String = "")
    /// The unit that a national code means.
    case code(AccessVerb, String, date: String)
    /// One unit at least of some; none is named: nothing is allowed but to who has the nation.
    case anyUnit(AccessVerb, [String], field: String)
    case team(AccessVerb, Key, date: String = "")
    case membership(AccessVerb, Key)
    case person(AccessVerb, Key, Extent)
    case duplicate(AccessVerb, String)
    case merge(AccessVerb, String)
    case grant(AccessVerb, String)
    /// An agency, `agencies/{id}`: a province's lies there, another has the whole nation.
    case agency(AccessVerb, String)
    /// An import: one's own.
    case batch(AccessVerb, String)
    /// What is told of a subject: to itself, and to who has the verb on the unit.
    case subject(AccessVerb, String, unit: String)

    /// By name, or by the key of the system it came from.
    enum Key: Sendable {
        case name(String)
        case source(Cdt_Registry_V1_SourceKey)

        var text: String {
            switch self {
            case .name(let name): name
            case .source(let key): "\(key.sourceSystem)/\(key.externalID)"
            }
        }
    }

    /// Of a person who has lived, worked or been a member in several places: whether one of them is enough. It is for
    /// who reads or corrects; it is not for what cannot be undone, or tells everything.
    enum Extent: Sendable { case anyPlace, allPlaces }

    var verb: AccessVerb {
        switch self {
        case .somewhere(let verb), .nation(let verb), .unit(let verb, _, _), .subtree(let verb, _, _, _),
            .code(let verb, _, _), .anyUnit(let verb, _, _), .team(let verb, _, _), .membership(let verb, _),
            .person(let verb, _, _), .duplicate(let verb, _), .merge(let verb, _), .grant(let verb, _),
            .agency(let verb, _), .batch(let verb, _), .subject(let verb, _, _):
            verb
        }
    }

    /// "permission denied (or it might not exist)": the answer does not tell which (AIP-211).
    var refusal: ServiceError {
        let name: String
        switch self {
        case .somewhere, .nation: name = "units/vn"
        case .unit(_, let unit, _), .subtree(_, let unit, _, _): name = unit.isEmpty ? "units/vn" : unit
        case .code(_, let code, _): name = code
        case .anyUnit(_, _, let field): name = field
        case .team(_, let key, _), .membership(_, let key), .person(_, let key, _): name = key.text
        case .duplicate(_, let text), .merge(_, let text), .grant(_, let text), .agency(_, let text),
            .batch(_, let text), .subject(_, let text, _):
            name = text
        }
        var error = ServiceError.permissionDenied(PersonFields.shown(name))
        error.metadata["verb"] = verb.tokenName
        return error
    }
}

/// A request whose needs are known before it is handled. Every request of the Registry is one: a handler cannot get its
/// caller otherwise.
protocol GuardedRequest {
    var needs: [AccessNeed] { get }
}
