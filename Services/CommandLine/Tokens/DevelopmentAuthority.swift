import Crypto
import Foundation
import SwiftASN1
import X509

/// Signs the services' certificates with a key of one's own: for development, tests and small installations. Who has a
/// certificate authority uses that, and gives the services its certificates.
struct DevelopmentAuthority {
    /// What an authority has signed: a certificate and its private key, in PEM.
    struct Identity {
        let certificate: String
        let key: String
    }

    /// Longer-lived certificates are refused by several clients (CA/Browser Forum, Baseline Requirements 6.3.2).
    static let certificateDays = 397
    static let authorityDays = 3650

    private let key: P256.Signing.PrivateKey
    private let certificate: Certificate

    /// A new authority.
    init(name: String = "cdt development CA", now: Date = Date()) throws {
        key = P256.Signing.PrivateKey()
        let subject = try DistinguishedName { CommonName(name) }
        let signer = Certificate.PrivateKey(key)
        certificate = try Self.sign(
            subject, key: signer.publicKey, issuer: subject, with: signer, days: Self.authorityDays, now: now,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: signer.publicKey)
            })
    }

    /// The authority whose certificate and key are kept in PEM.
    init(certificate: String, key: String) throws {
        self.certificate = try Certificate(pemEncoded: certificate)
        self.key = try P256.Signing.PrivateKey(pemRepresentation: key)
    }

    var identity: Identity {
        get throws { Identity(certificate: try certificate.serializeAsPEM().pemString, key: key.pemRepresentation) }
    }

    /// A certificate of a server that is reached by some names and addresses, and that may call other services with it.
    func server(_ name: String, hosts: [String], addresses: [IPAddress], now: Date = Date()) throws -> Identity {
        let own = P256.Signing.PrivateKey()
        let names =
            hosts.map { GeneralName.dnsName($0) }
            + addresses.map { GeneralName.ipAddress(ASN1OctetString(contentBytes: $0.bytes[...])) }
        let signed = try Self.sign(
            try DistinguishedName { CommonName(name) }, key: Certificate.PrivateKey(own).publicKey,
            issuer: certificate.subject, with: Certificate.PrivateKey(key), days: Self.certificateDays, now: now,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                SubjectAlternativeNames(names)
                AuthorityKeyIdentifier(keyIdentifier: try certificate.extensions.subjectKeyIdentifier?.keyIdentifier)
            })
        return Identity(certificate: try signed.serializeAsPEM().pemString, key: own.pemRepresentation)
    }

    private static func sign(
        _ subject: DistinguishedName, key: Certificate.PublicKey, issuer: DistinguishedName,
        with signer: Certificate.PrivateKey, days: Int, now: Date, extensions: Certificate.Extensions
    ) throws -> Certificate {
        try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key,
            // Clocks of other machines may be behind.
            notValidBefore: now.addingTimeInterval(-3600), notValidAfter: now.addingTimeInterval(Double(days) * 86_400),
            issuer: issuer, subject: subject, signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions,
            issuerPrivateKey: signer)
    }

    /// An IP address as a certificate names it.
    struct IPAddress {
        let bytes: [UInt8]

        /// Nil when the text is no address.
        init?(_ text: String) {
            var v4 = in_addr()
            var v6 = in6_addr()
            if inet_pton(AF_INET, text, &v4) == 1 {
                bytes = withUnsafeBytes(of: &v4) { Array($0) }
            } else if inet_pton(AF_INET6, text, &v6) == 1 {
                bytes = withUnsafeBytes(of: &v6) { Array($0) }
            } else {
                return nil
            }
        }
    }
}
