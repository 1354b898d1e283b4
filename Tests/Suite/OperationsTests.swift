import Foundation
import TestSupport
import Testing

/// The files for operators, read by the programs they are for.
@Suite(.timeLimit(.minutes(10))) struct OperationsTests {
    private static let folder = "\(PackageFolder.path)/operations"

    private func run(_ command: [String]) async throws -> ChildProcess.Outcome {
        let outcome = try await ChildProcess.run(command, limit: .seconds(120))
        #expect(outcome.status == 0, "\(command.joined(separator: " ")): \(outcome.output)\(outcome.errors)")
        return outcome
    }

    private func promtool(_ arguments: String...) async throws {
        _ = try await run(["\(PackageFolder.path)/.local/prometheus/usr/bin/promtool"] + arguments)
    }

    private func text(_ name: String) throws -> String {
        try String(contentsOfFile: "\(Self.folder)/\(name)", encoding: .utf8)
    }

    @Test func `Prometheus takes the configuration, and each alert fires when it should and not before`() async throws {
        try await promtool("check", "config", "\(Self.folder)/prometheus/prometheus.yml")
        try await promtool("test", "rules", "\(Self.folder)/prometheus/alerts.test.yml")
    }

    @Test func `every alert is tested, and its runbook is there`() throws {
        let alerts = try text("prometheus/alerts.yml").matches(of: /- alert: (\w+)/).map { String($0.output.1) }
        #expect(alerts.count >= 10)
        let (tests, runbooks) = (try text("prometheus/alerts.test.yml"), try text("RUNBOOKS.md"))
        for alert in alerts {
            #expect(tests.contains("alertname: \(alert)"), "\(alert) has no test")
            #expect(runbooks.contains("\n## \(alert)\n"), "\(alert) has no runbook")
            let link = "operations/RUNBOOKS.md#\(alert.lowercased())"
            #expect(try text("prometheus/alerts.yml").contains("\"\(link)\""), "\(alert) does not name its runbook")
        }
    }

    @Test func `Kubernetes' schemas hold for the manifests, and for nothing that is misspelt`() async throws {
        let validate = "\(PackageFolder.path)/.local/venv/bin/kubernetes-validate"
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        for program in Program.allCases {
            let file = "\(Self.folder)/kubernetes/\(program.rawValue).yaml"
            _ = try await run([validate, "--strict", "--quiet", file])
            let misspelt = try String(contentsOfFile: file, encoding: .utf8)
                .replacing("readinessProbe:", with: "readynessProbe:")
            try misspelt.write(toFile: scratch.path("misspelt.yaml"), atomically: true, encoding: .utf8)
            let refused = try await ChildProcess.run([validate, "--strict", "--quiet", scratch.path("misspelt.yaml")])
            #expect(refused.status != 0)
        }
    }

    @Test(arguments: Program.allCases)
    func `systemd takes the unit, and finds little that an intruder could use`(program: Program) async throws {
        let unit = "\(Self.folder)/systemd/cdt-\(program.shortName).service"
        // In tenths; a service without hardening has 96.
        _ = try await run(["systemd-analyze", "security", "--offline=true", "--threshold=20", unit])
        let outcome = try await ChildProcess.run(["systemd-analyze", "verify", "--man=no", unit])
        // The programs are not installed here; nothing else may be wrong.
        let complaints = (outcome.output + outcome.errors).split(separator: "\n").filter { $0.contains("cdt-") }
        #expect(complaints.allSatisfy { $0.contains("is not executable: No such file") }, "\(complaints)")
    }

    @Test(arguments: Program.allCases)
    func `the units and manifests name options that there are`(program: Program) async throws {
        let help = try await run(["\(PackageFolder.products)/\(program.rawValue)", "--help"]).output
        for file in ["systemd/cdt-\(program.shortName).service", "kubernetes/\(program.rawValue).yaml"] {
            let names = Set(try text(file).matches(of: /\bCDT_[A-Z_]+/).map { String($0.output) }).subtracting([
                "CDT_NAME"
            ])
            #expect(names.count >= 6)
            for name in names {
                #expect(
                    help.contains("environment: \(name);") || help.contains("environment: \(name))"),
                    "\(name) in \(file)")
            }
        }
    }

    /// Alone: the others it names are not there, and it starts and answers all the same.
    @Test(arguments: Program.allCases)
    func `a service starts with the configuration of its guide`(program: Program) async throws {
        let guide = try String(
            contentsOfFile: "\(PackageFolder.path)/Services/\(program.folder)/OPERATING.md", encoding: .utf8)
        let block = try #require(guide.firstMatch(of: /```json\n([\s\S]*?)```/)?.output.1)
        let object = try JSONSerialization.jsonObject(with: Data(block.utf8))
        var options = try #require(object as? [String: Any])
        #expect(options["data"] as? String == "/var/lib/cdt/\(program.shortName)")
        let secrets = try ScratchFolder()
        defer { secrets.remove() }
        _ = try await run(["\(PackageFolder.products)/cdt", "admin", "init-secrets", "--out", secrets.path("cdt")])
        for (name, value) in options {
            guard let path = value as? String, path.hasPrefix("/etc/cdt/") else { continue }
            options[name] = secrets.path(String(path.dropFirst("/etc/".count)))
        }
        options["data"] = secrets.path("data")
        options["listen"] = "127.0.0.1:0"
        options["admin-listen"] = "127.0.0.1:0"
        try JSONSerialization.data(withJSONObject: options).write(to: URL(fileURLWithPath: secrets.path("config.json")))
        let service = try BackgroundProcess(
            ["\(PackageFolder.products)/\(program.rawValue)", "--config", secrets.path("config.json")])
        let ready = try await service.line(after: "\(program.shortName) ")
        #expect(ready.contains("takes calls on 127.0.0.1:"))
        #expect(ready.contains("this machine only, callers show tokens, TLS"))
        #expect(await service.stop(grace: .seconds(30)) == 0)
    }

    @Test func `Prometheus finds the services, and every panel of the dashboard has something to show`() async throws {
        try await RunningSuite.run { suite in
            let outcome = try await ChildProcess.run(
                [
                    "python3", "\(PackageFolder.path)/Tests/Suite/Clients/dashboard.py",
                    "\(PackageFolder.path)/.local/prometheus/usr/bin/prometheus", "\(Self.folder)/grafana/cdt.json",
                    suite.scratch.path("prometheus"),
                ] + Program.allCases.map { "\($0.shortName)=\(suite.adminAddress($0))" }, limit: .seconds(180))
            #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        }
    }
}
