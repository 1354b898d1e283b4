import SwiftProtobuf

/// The messages of the contract as types, for what travels in `google.protobuf.Any`: events and error details.
public enum ContractMessages {
    /// Every top-level message of the suite's packages and of `google.rpc`.
    public static var all: [any SwiftProtobuf.Message.Type] { generated }

    /// Lets `Any` values be written to JSON and text by the types they hold. Costs nothing when called again.
    public static func register() { _ = registered }

    private static let registered: Bool = {
        for type in generated { Google_Protobuf_Any.register(messageType: type) }
        return true
    }()
}
