import Foundation
import HTTP2

extension CommonOptions {
    /// TLS of the port of calls; nil: plaintext. Certificate and key go together, and all files must be readable.
    func tls(_ settings: Settings) throws -> TLS? {
        let own = try certificate(tlsCertificate, tlsKey, in: settings)
        let authorities = try settings[clientAuthorities].map { try readable($0, of: clientAuthorities) }
        guard let own else {
            guard authorities == nil else {
                throw ConfigurationError("--client-authorities needs --tls-certificate and --tls-key as well")
            }
            return nil
        }
        return TLS(
            certificateChainFile: own.chain, privateKeyFile: own.key, trustedAuthoritiesFile: authorities)
    }

    /// TLS of the calls of other services; nil: plaintext.
    func peerTLS(_ settings: Settings) throws -> TLS? {
        guard peers != nil else { return nil }
        return try clientTLS(peerAuthorities, peerCertificate, peerKey, in: settings)
    }

    /// TLS of what is told to a collector of traces; nil: plaintext.
    func otlpTLS(_ settings: Settings) throws -> TLS? {
        try clientTLS(otlpAuthorities, otlpCertificate, otlpKey, in: settings)
    }

    private func clientTLS(
        _ authorities: Option<String?>, _ chain: Option<String?>, _ key: Option<String?>, in settings: Settings
    ) throws -> TLS? {
        let own = try certificate(chain, key, in: settings)
        guard let file = try settings[authorities].map({ try readable($0, of: authorities) }) else {
            guard own == nil else { throw ConfigurationError("--\(chain.name) needs --\(authorities.name) as well") }
            return nil
        }
        return TLS(certificateChainFile: own?.chain, privateKeyFile: own?.key, trustedAuthoritiesFile: file)
    }

    private func certificate(
        _ chain: Option<String?>, _ key: Option<String?>, in settings: Settings
    ) throws -> (chain: String, key: String)? {
        switch (try settings[chain], try settings[key]) {
        case (nil, nil): return nil
        case (let chainFile?, let keyFile?):
            return (try readable(chainFile, of: chain), try readable(keyFile, of: key))
        case (_?, nil): throw ConfigurationError("--\(chain.name) needs --\(key.name) as well")
        case (nil, _?): throw ConfigurationError("--\(key.name) needs --\(chain.name) as well")
        }
    }

    private func readable(_ path: String, of option: Option<String?>) throws -> String {
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw ConfigurationError("--\(option.name): \(path) cannot be read")
        }
        return path
    }
}
