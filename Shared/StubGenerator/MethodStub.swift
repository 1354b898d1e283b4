import SwiftProtobufPluginLibrary

/// The parts of the stubs that belong to one RPC.
struct MethodStub {
    /// How many messages go each way; raw values are the cases of `RPC.CallKind` and the names of the functions that
    /// register and make such calls.
    enum Kind: String {
        case unary, clientStreaming, serverStreaming, bidirectionalStreaming

        init(_ method: SwiftProtobufPluginLibrary.MethodDescriptor) {
            switch (method.clientStreaming, method.serverStreaming) {
            case (false, false): self = .unary
            case (true, false): self = .clientStreaming
            case (false, true): self = .serverStreaming
            case (true, true): self = .bidirectionalStreaming
            }
        }
    }

    /// Name in the contract, for example `GetTeam`.
    let name: String
    /// Name in Swift, for example `getTeam`.
    let swiftName: String
    /// Path on the wire.
    let path: String
    let kind: Kind
    let request: String
    let response: String
    /// Documentation lines, each with a newline.
    let comments: String

    init(method: SwiftProtobufPluginLibrary.MethodDescriptor, namer: SwiftProtobufNamer) {
        name = method.name
        swiftName = SwiftName.member(method.name)
        path = "/\(method.service.fullName)/\(method.name)"
        kind = Kind(method)
        request = namer.fullName(message: method.inputType)
        response = namer.fullName(message: method.outputType)
        comments = method.protoSourceComments()
    }

    /// The requirement of the service protocol.
    var handlerSignature: String {
        switch kind {
        case .unary:
            "func \(swiftName)(_ request: \(request), context: ServerContext) async throws -> \(response)"
        case .clientStreaming:
            "func \(swiftName)(_ requests: RequestStream<\(request)>, context: ServerContext) async throws -> \(response)"
        case .serverStreaming:
            "func \(swiftName)(_ request: \(request), response: ResponseWriter<\(response)>, context: ServerContext) async throws"
        case .bidirectionalStreaming:
            "func \(swiftName)(_ requests: RequestStream<\(request)>, response: ResponseWriter<\(response)>, context: ServerContext) async throws"
        }
    }

    func writeRegistration(to printer: inout CodePrinter, namespace: String) {
        let handler =
            switch kind {
            case .unary, .clientStreaming: "{ try await self.\(swiftName)($0, context: $1) }"
            case .serverStreaming, .bidirectionalStreaming:
                "{ try await self.\(swiftName)($0, response: $1, context: $2) }"
            }
        printer.print(
            "router.\(kind.rawValue)(",
            "    \(namespace).Method.\(swiftName),",
            "    decode: { try \(request)(serializedBytes: $0) },",
            "    encode: { (message: \(response)) in try message.serializedBytes() },",
            "    handler: \(handler))")
    }

    func writeCall(to printer: inout CodePrinter, access: String) {
        let streamsRequests = kind == .clientStreaming || kind == .bidirectionalStreaming
        let result =
            switch kind {
            case .unary: response
            case .clientStreaming: "ClientStreamingCall<\(request), \(response)>"
            case .serverStreaming: "ServerStreamingCall<\(response)>"
            case .bidirectionalStreaming: "BidirectionalCall<\(request), \(response)>"
            }
        let parameter = streamsRequests ? "" : "_ request: \(request), "
        printer.print(
            "\(access)func \(swiftName)(\(parameter)options: CallOptions = .defaults) async throws -> \(result) {",
            "    try await rpc.\(kind.rawValue)(",
            "        Method.\(swiftName),\(streamsRequests ? "" : " request,") options: options,",
            "        encode: { (message: \(request)) in try message.serializedBytes() },",
            "        decode: { try \(response)(serializedBytes: $0) })",
            "}")
    }
}

/// Swift spellings of names in the contract.
enum SwiftName {
    /// `GetTeam` becomes `getTeam`; a Swift keyword gets backticks.
    static func member(_ name: String) -> String {
        let camel = NamingUtils.toLowerCamelCase(name)
        return keywords.contains(camel) ? "`\(camel)`" : camel
    }

    /// Words that cannot name a function without backticks ("Keywords and Punctuation" in the Swift book).
    private static let keywords: Set<String> = [
        "actor", "as", "associatedtype", "async", "await", "break", "case", "catch", "class", "continue", "default",
        "defer", "deinit", "do", "else", "enum", "extension", "fallthrough", "false", "fileprivate", "for", "func",
        "guard", "if", "import", "in", "init", "inout", "internal", "is", "let", "nil", "open", "operator",
        "precedencegroup",
        "private", "protocol", "public", "repeat", "rethrows", "return", "self", "static", "struct", "subscript",
        "super",
        "switch", "throw", "throws", "true", "try", "typealias", "var", "where", "while",
    ]
}
