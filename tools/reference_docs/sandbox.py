"""The four services in a folder of their own, with tokens and invented data; ended when it is left."""

import base64
import csv
import os
import socket
import subprocess
import tempfile
import time
import urllib.request

SERVICES = {
    "registry": "registry",
    "activity-reporting": "activity",
    "funding-policy": "funding",
    "notification": "notification",
}
MONTH, DAY = "2024-10", "2024-10-01"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Sandbox:
    def __init__(self, programs, communes=3):
        self.programs, self.communes = os.path.abspath(programs), communes

    def __enter__(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="cdt-examples-")
        self.folder = self.scratch.name
        self.processes, self.ports, self.admin_ports = {}, {}, {}
        try:
            self._start()
            self._load()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(list(self.processes.values())):
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.scratch.cleanup()

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def _start(self):
        self.cdt("admin", "init-secrets", "--out", self.path("secrets"))
        for name, short in SERVICES.items():
            self.ports[name], self.admin_ports[name] = free_port(), free_port()
        for name, short in SERVICES.items():
            secrets = self.path("secrets", short)
            options = [
                "--listen",
                self.address(name),
                "--admin-listen",
                f"127.0.0.1:{self.admin_ports[name]}",
                "--data",
                self.path("data", name),
                "--jwks",
                f"{secrets}/jwks.json",
            ]
            os.makedirs(self.path("data", name))
            if name == "registry":
                options += [
                    "--contacts-token-file",
                    f"{secrets}/contacts.token",
                    "--citizen-id-key-file",
                    f"{secrets}/citizen-id.key",
                ]
            else:
                options += [
                    "--peer",
                    f"registry={self.address('registry')}",
                    "--peer-token-file",
                    f"{secrets}/peer.token",
                ]
            if name in ("funding-policy", "notification"):
                options += ["--peer", f"activity={self.address('activity-reporting')}"]
            if name == "notification":
                with open(self.path("webhook.secret"), "w") as file:
                    file.write(base64.b64encode(os.urandom(32)).decode() + "\n")
                os.chmod(self.path("webhook.secret"), 0o600)
                options += [
                    "--contacts-token-file",
                    f"{secrets}/contacts.token",
                    "--webhook-secret-file",
                    self.path("webhook.secret"),
                    # Nobody listens there: what is sent waits.
                    "--smtp-url",
                    f"smtp://127.0.0.1:{free_port()}",
                    "--smtp-from",
                    "tochuc@tinh.example",
                ]
            with open(self.path(f"{name}.log"), "w") as log:
                self.processes[name] = subprocess.Popen(
                    [f"{self.programs}/{name}", *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
        for name, process in self.processes.items():
            self._wait(name, process)

    def _wait(self, name, process):
        for _ in range(600):
            if process.poll() is not None:
                with open(self.path(f"{name}.log")) as log:
                    raise SystemExit(f"{name} has ended:\n{log.read()[-2000:]}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_ports[name]}/readyz", timeout=1) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                pass
            time.sleep(0.1)
        raise SystemExit(f"{name} is not ready after a minute")

    def address(self, name):
        return f"127.0.0.1:{self.ports[name]}"

    def token(self, subject, grant="*@vn"):
        return self.cdt(
            "admin",
            "token",
            "--key",
            self.path("secrets", "issuer", "issuer.key"),
            "--subject",
            subject,
            "--grant",
            grant,
        ).strip()

    def cdt(self, *arguments, accepted=(0,)):
        environment = dict(os.environ)
        if self.ports:
            environment |= {
                "CDT_REGISTRY": self.address("registry"),
                "CDT_ACTIVITY": self.address("activity-reporting"),
                "CDT_FUNDING": self.address("funding-policy"),
                "CDT_NOTIFICATION": self.address("notification"),
                "CDT_TOKEN_FILE": self.path("secrets", "admin", "admin.token"),
            }
        done = subprocess.run([f"{self.programs}/cdt", *arguments], env=environment, capture_output=True, text=True)
        if done.returncode not in accepted:
            raise SystemExit(f"cdt {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def _load(self):
        """Some communes of Hà Tĩnh, their teams, and the reports of a month; every person is invented."""
        province, some = self.path("province"), self.path("some")
        self.cdt("generate", province, "--as-of", DAY, "--provinces", "42", "--reports", MONTH)
        os.makedirs(some)
        codes = []
        for name in ("teams.csv", "members.csv", f"reports-{MONTH}.csv"):
            with open(f"{province}/{name}") as source, open(f"{some}/{name}", "w") as target:
                rows = csv.reader(source)
                out = csv.writer(target, lineterminator="\n")
                out.writerow(next(rows))
                for row in rows:
                    code = row[0][:5]
                    if name == "teams.csv" and code not in codes and len(codes) < self.communes:
                        codes.append(code)
                    if code in codes:
                        out.writerow(row)
        self.cdt("import", some, "--source", "vi-du", "--code-date", DAY, accepted=(0, 65))
        self.cdt("report", "open", MONTH, "--wait")
        self.cdt(
            "report",
            "submit-file",
            f"{some}/reports-{MONTH}.csv",
            "--month",
            MONTH,
            "--unit",
            "42",
            "--source",
            "vi-du",
        )
