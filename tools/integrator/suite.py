"""The four services in a folder of their own, with tokens and invented data; ended when it is left.

The folder goes with it, unless one is named; what a named folder holds already is gone on with.
"""

import base64
import csv
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request

from processes import free_port, free_ports

SERVICES = {
    "registry": "registry",
    "activity-reporting": "activity",
    "funding-policy": "funding",
    "notification": "notification",
}
MONTH, DAY = "2024-10", "2024-10-01"


class Sandbox:
    def __init__(self, programs, communes=3, folder=None, today=None):
        """`today`: the day the services take for that of their start, YYYY-MM-DD; None: the machine's."""
        self.programs, self.communes, self.today = os.path.abspath(programs), communes, today
        self.scratch = None if folder else tempfile.TemporaryDirectory(prefix="cdt-examples-")
        self.folder = os.path.abspath(folder) if folder else self.scratch.name

    def __enter__(self):
        self.processes = {}
        ports = free_ports(2 * len(SERVICES))
        self.ports = dict(zip(SERVICES, ports))
        self.admin_ports = dict(zip(SERVICES, ports[len(SERVICES) :]))
        try:
            loaded = self.path("loaded")
            # The tokens of a folder that was kept may have expired.
            self.cdt("admin", "init-secrets", "--out", self.path("secrets"), "--renew")
            self._start()
            if not os.path.exists(loaded):
                self._load()
                open(loaded, "w").close()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._stop()
        if self.scratch:
            self.scratch.cleanup()

    def restart(self, today):
        """The same services on another day."""
        self.today = today
        self._stop()
        self._start()

    def _stop(self):
        for process in reversed(list(self.processes.values())):
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = {}

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def _start(self):
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
            if self.today:
                options += ["--today", self.today]
            os.makedirs(self.path("data", name), exist_ok=True)
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
                if not os.path.exists(self.path("webhook.secret")):
                    with open(self.path("webhook.secret"), "w") as file:
                        file.write(base64.b64encode(os.urandom(32)).decode() + "\n")
                    os.chmod(self.path("webhook.secret"), 0o600)
                options += [
                    "--peer",
                    f"funding={self.address('funding-policy')}",
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
            with open(self.path(f"{name}.log"), "a") as log:
                self.processes[name] = subprocess.Popen(
                    [f"{self.programs}/{name}", *options],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # Ctrl-C in the terminal reaches us alone; we stop them in order.
                    start_new_session=True,
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
        province, some = self.path("province"), self.path("sample")
        for folder in (province, some):
            shutil.rmtree(folder, ignore_errors=True)
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
            # Before the day on which a report was declared, it is refused.
            accepted=(0, 65),
        )
