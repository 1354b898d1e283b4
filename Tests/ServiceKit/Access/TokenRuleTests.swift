import RPC
import Testing

@testable import ServiceKit

@Suite struct TokenRuleTests {
    static let now = 1_800_000_000.0

    static func claims(_ change: (inout TokenClaims) -> Void = { _ in }) -> TokenClaims {
        var claims = TokenClaims(iss: "cdt", sub: "tester", aud: .init(["cdt"]), exp: now + 600)
        change(&claims)
        return claims
    }

    /// Clocks may differ by 60 seconds.
    static let cases: [(String, TokenClaims, TokenProblem?)] = [
        ("good", claims(), nil),
        ("for this service alone", claims { $0.aud = .init(["registry"]) }, nil),
        ("for several", claims { $0.aud = .init(["x", "cdt"]) }, nil),
        ("another issuer", claims { $0.iss = "other" }, .issuer), ("no issuer", claims { $0.iss = nil }, .issuer),
        ("another audience", claims { $0.aud = .init(["funding"]) }, .audience),
        ("no audience", claims { $0.aud = nil }, .audience),
        ("an empty audience", claims { $0.aud = .init([]) }, .audience),
        ("no subject", claims { $0.sub = nil }, .claims), ("an empty subject", claims { $0.sub = "" }, .claims),
        ("a long subject", claims { $0.sub = String(repeating: "x", count: 201) }, .claims),
        ("no end", claims { $0.exp = nil }, .claims), ("an end that is none", claims { $0.exp = .infinity }, .claims),
        ("an end beyond all time", claims { $0.exp = 1e300 }, .claims),
        ("an end before all time", claims { $0.exp = -1 }, .claims),
        ("ended within the skew", claims { $0.exp = now - 59 }, nil),
        ("ended", claims { $0.exp = now - 60 }, .expired), ("ended long ago", claims { $0.exp = 0 }, .expired),
        ("begun", claims { $0.nbf = now }, nil), ("begins within the skew", claims { $0.nbf = now + 60 }, nil),
        ("not begun", claims { $0.nbf = now + 61 }, .notYetValid),
        ("a beginning that is none", claims { $0.nbf = .nan }, .claims),
    ]

    @Test(arguments: cases.indices)
    func `a token must be of the issuer, for this service, and of now`(_ row: Int) {
        let (name, claims, expected) = Self.cases[row]
        let rules = TokenRules(issuer: "cdt", audiences: ["registry", "cdt"])
        var problem: TokenProblem?
        do throws(TokenProblem) {
            let expires = try rules.check(claims, now: Instant(seconds: Int64(Self.now)))
            #expect(expires == Instant(microseconds: Int64(((claims.exp ?? 0) + 60) * 1_000_000)), "\(name)")
        } catch { problem = error }
        #expect(problem == expected, "\(name)")
    }

    @Test func `where handlers judge by unit, a caller without any verb of the service does not come that far`() throws
    {
        let method = MethodDescriptor(service: "cdt.sample.v1.SampleService", method: "GetIt", kind: .unary)
        let rule = try #require(VerbRule(method, of: "sample", .anyVerb))
        func passes(_ verbs: Set<String>, _ unit: String = "units/1") -> Bool {
            (try? rule.check(Identity(subject: "x", grants: [.init(verbs: verbs, unit: unit)]))) != nil
        }
        for verbs in [["*"], ["sample.*"], ["sample.read"], ["other.read", "sample.write"]] as [Set<String>] {
            #expect(passes(verbs), "\(verbs)")
        }
        for verbs in [[], ["other.*"], ["sample"], ["samples.read"], ["read"]] as [Set<String>] {
            #expect(!passes(verbs) && !passes(verbs, ""), "\(verbs)")
        }
        let denied = #expect(throws: ServiceError.self) { try rule.check(Identity(subject: "x", grants: [])) }
        #expect(denied?.code == .permissionDenied && denied?.metadata["verb"] == "sample.*")
        let health = MethodDescriptor(service: "grpc.health.v1.Health", method: "Check", kind: .unary)
        #expect(VerbRule(health, of: "sample", .anyVerb) == nil && VerbRule(method, of: "sample", .open) == nil)
    }

    @Test func `no grants are no rights`() {
        #expect(Self.claims().identity.grants.isEmpty)
        let some = Self.claims { $0.grants = [.init(verbs: ["registry.read"]), .init(verbs: ["*"], unit: "units/1")] }
        #expect(some.identity.grants.map(\.unit) == ["", "units/1"])
    }

    @Test func `reasons differ and have both languages`() {
        for problem in TokenProblem.allCases {
            let error = problem.error
            #expect(error.code == .unauthenticated)
            #expect(!error.message.isEmpty && !error.messageVi.isEmpty && error.message != error.messageVi)
        }
    }
}
