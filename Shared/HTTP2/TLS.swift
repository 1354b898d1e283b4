import NIOConcurrencyHelpers
import NIOSSL

/// TLS for HTTP/2: 1.2 or newer, ALPN `h2`, from PEM files.
public struct TLS: Sendable {
    /// Our certificate chain, leaf first; nil on a client without a certificate.
    public var certificateChainFile: String?
    /// Key of our certificate.
    public var privateKeyFile: String?
    /// Authorities we trust: on a server a client certificate signed by one of them is required when this is set;
    /// on a client nil means the system's.
    public var trustedAuthoritiesFile: String?
    /// Name to expect in the server's certificate; nil: the host connected to.
    public var serverName: String?

    /// Names the files.
    public init(
        certificateChainFile: String? = nil, privateKeyFile: String? = nil, trustedAuthoritiesFile: String? = nil,
        serverName: String? = nil
    ) {
        self.certificateChainFile = certificateChainFile
        self.privateKeyFile = privateKeyFile
        self.trustedAuthoritiesFile = trustedAuthoritiesFile
        self.serverName = serverName
    }

    /// For a server's connections.
    package func serverContexts() throws -> TLSContexts { try TLSContexts { try serverContext() } }

    /// For a client's connections.
    package func clientContexts() throws -> TLSContexts { try TLSContexts { try clientContext() } }

    /// The files named, any of which may be replaced while a server or client runs.
    public var files: [String] { [certificateChainFile, privateKeyFile, trustedAuthoritiesFile].compactMap(\.self) }

    private func serverContext() throws -> NIOSSLContext {
        guard let key = try key() else { throw TLSError.keyMissing }
        var configuration = TLSConfiguration.makeServerConfiguration(certificateChain: try chain(), privateKey: key)
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2"]
        if let trustedAuthoritiesFile {
            configuration.trustRoots = .file(trustedAuthoritiesFile)
            configuration.certificateVerification = .noHostnameVerification
        }
        return try NIOSSLContext(configuration: configuration)
    }

    private func clientContext() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2"]
        configuration.certificateChain = try chain()
        configuration.privateKey = try key()
        if let trustedAuthoritiesFile { configuration.trustRoots = .file(trustedAuthoritiesFile) }
        return try NIOSSLContext(configuration: configuration)
    }

    private func chain() throws -> [NIOSSLCertificateSource] {
        guard let certificateChainFile else { return [] }
        return try NIOSSLCertificate.fromPEMFile(certificateChainFile).map { .certificate($0) }
    }

    private func key() throws -> NIOSSLPrivateKeySource? {
        guard let privateKeyFile else { return nil }
        return .privateKey(try NIOSSLPrivateKey(file: privateKeyFile, format: .pem))
    }
}

/// What new connections are secured with: read again from its files when somebody has replaced them. Connections that
/// stand keep what they began with.
package final class TLSContexts: Sendable {
    private let make: @Sendable () throws -> NIOSSLContext
    private let context: NIOLockedValueBox<NIOSSLContext>

    fileprivate init(_ make: @escaping @Sendable () throws -> NIOSSLContext) throws {
        self.make = make
        context = NIOLockedValueBox(try make())
    }

    package var current: NIOSSLContext { context.withLockedValue { $0 } }

    /// Throws when the files cannot be used, also when certificate and key do not belong together because only one of
    /// them has been replaced so far; then what was read before goes on.
    package func reload() throws {
        let made = try make()
        context.withLockedValue { $0 = made }
    }
}

/// TLS that cannot be set up.
public enum TLSError: Error, Sendable, CustomStringConvertible {
    /// A server needs a private key.
    case keyMissing

    public var description: String { "TLS needs a private key: name its PEM file beside the certificate chain" }
}
