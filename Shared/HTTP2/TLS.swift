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

    package func serverContext() throws -> NIOSSLContext {
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

    package func clientContext() throws -> NIOSSLContext {
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

/// TLS that cannot be set up.
public enum TLSError: Error, Sendable, CustomStringConvertible {
    /// A server needs a private key.
    case keyMissing

    public var description: String { "TLS needs a private key: name its PEM file beside the certificate chain" }
}
