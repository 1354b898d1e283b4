import HTTP2

/// What gRPC reads in a request's headers, found in one pass. Of a field that is there twice the first counts.
struct RequestFields {
    enum TimeoutField: Equatable {
        case none
        case after(Duration)
        case malformed

        var duration: Duration? { if case .after(let duration) = self { duration } else { nil } }
    }

    enum Encoding { case identity, gzip, unknown }

    /// nil: there is no content-type.
    private(set) var isGRPC: Bool?
    private(set) var isPOST: Bool?
    private(set) var route: ServiceRouter.Route?
    private(set) var timeout = TimeoutField.none
    private(set) var encoding = Encoding.identity
    private(set) var encodings = 0
    private(set) var acceptsGzip: Bool?
    private var hasPath = false

    init(_ headers: HeaderBlock, router: ServiceRouter) {
        headers.visit { name, value in read(name, value, router: router) }
    }

    private mutating func read(
        _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, router: ServiceRouter
    ) {
        // By length first: most fields are then seen not to be ours without a comparison.
        switch name.count {
        case 5 where name.equals(":path"):
            if !hasPath { route = router.route(path: value) }
            hasPath = true
        case 7 where name.equals(":method"):
            isPOST = isPOST ?? value.equals("POST")
        case 12 where name.equals("content-type"):
            isGRPC = isGRPC ?? Headers.isGRPC(value)
        case 12 where name.equals("grpc-timeout"):
            if timeout == .none { timeout = Timeout.parse(value).map { .after($0) } ?? .malformed }
        case 13 where name.equals("grpc-encoding"):
            if encodings == 0 {
                encoding = value.equals("gzip") ? .gzip : value.equals("identity") ? .identity : .unknown
            }
            encodings += 1
        case 20 where name.equals("grpc-accept-encoding"):
            acceptsGzip = acceptsGzip ?? Self.namesGzip(value)
        default: break
        }
    }

    /// Whether one of the names in a list, which commas and spaces separate, begins with `gzip`. Every call of gRPC's
    /// clients has such a list: nothing is made of it.
    private static func namesGzip(_ value: UnsafeBufferPointer<UInt8>) -> Bool {
        // What gRPC's own clients send is known by sight.
        if value.equals("identity, deflate, gzip") || value.equals("gzip") { return true }
        let gzip: StaticString = "gzip"
        var isAtStart = true
        for (index, byte) in value.enumerated() {
            if isAtStart, byte == UInt8(ascii: "g"), value.count - index >= gzip.utf8CodeUnitCount,
                UnsafeBufferPointer(rebasing: value[index..<index + gzip.utf8CodeUnitCount]).equals(gzip)
            {
                return true
            }
            isAtStart = byte == UInt8(ascii: ",") || isAtStart && byte == UInt8(ascii: " ")
        }
        return false
    }
}
