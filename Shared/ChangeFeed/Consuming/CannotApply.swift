/// An event that a consumer cannot apply. The feed stops before it: what is known without it would be wrong.
struct CannotApply: Error, CustomStringConvertible {
    let sequence: Int64
    let aggregate: String
    let cause: any Error

    var description: String { "event \(sequence), of \(aggregate), cannot be applied: \(cause)" }
}
