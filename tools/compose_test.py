"""Proves docker-compose.yml with a real engine: the main job, and what happens when a part of it fails.

    compose_test.py BIN [--postgres]

BIN is the folder of the built cdt; the images are there already (`./dev images`). Everything runs in a project of its own
on free ports and is removed at the end, also after a failure. Ends with 1 when something was not as it must be.
"""

import argparse
import csv
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

from processes import free_ports

SERVICES = {"registry": 50051, "activity-reporting": 50052, "funding-policy": 50053, "notification": 50054}
VARIABLES = {"registry": "REGISTRY", "activity-reporting": "ACTIVITY", "funding-policy": "FUNDING",
             "notification": "NOTIFICATION"}
PROVINCE, MONTH, DAY, MONTH_END = "42", "2024-10", "2024-10-01", "2024-10-31"
# Teams of whom the Registry hears later, while Activity reporting cannot hear it.
LATE_TEAMS = 5


class Failed(Exception):
    pass


def check(condition, what):
    """Something that must be so; the first that is not ends the test."""
    if not condition:
        raise Failed(what)
    print(f"  ✓ {what}", flush=True)


def step(text):
    print(f"\n{text}", flush=True)


def eventually(what, condition, seconds=60):
    """Asks again until it is so."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(0.2)
    print(f"  ✓ {what}", flush=True)


class Suite:
    """The services as docker compose runs them, and cdt on this machine as their caller."""

    def __init__(self, programs, folder, postgres):
        self.folder = folder
        self.project = "cdt-test"
        self.province = ""
        self.programs = programs
        ports = dict(zip(SERVICES, free_ports(len(SERVICES))))
        self.environment = dict(os.environ, COMPOSE_PROJECT_NAME=self.project, COMPOSE_FILE="docker-compose.yml",
                                CDT_TOKEN_FILE=str(folder / "admin.token"), CDT_AUTHORITIES=str(folder / "ca.pem"))
        if postgres:
            self.environment["COMPOSE_FILE"] += ":docker-compose.postgres.yml"
        for service, port in ports.items():
            self.environment[f"CDT_{VARIABLES[service]}_PORT"] = str(port)
            self.environment[f"CDT_{VARIABLES[service]}"] = f"127.0.0.1:{port}"

    def run(self, *command, check_status=True, timeout=600):
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=timeout)
        if check_status and done.returncode != 0:
            raise Failed(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done

    def compose(self, *arguments, **options):
        return self.run("docker", "compose", *arguments, **options)

    def cdt(self, *arguments, **options):
        return self.run(str(self.programs / "cdt"), *arguments, **options)

    def ask(self, *arguments):
        return json.loads(self.cdt(*arguments, "-o", "json").stdout)

    def up(self, *arguments):
        self.compose("up", "--no-build", "--wait", "--wait-timeout", "180", *arguments)

    def take_secrets(self):
        """The administrator's token and the authority, as another client on this machine would get them."""
        for name in ("admin.token", "ca.pem"):
            text = self.compose("run", "--rm", "-T", "--entrypoint", "cat", "cdt", f"/run/cdt/{name}").stdout
            file = self.folder / name
            file.touch(mode=0o600)
            file.write_text(text)

    def protocol(self, service):
        """What a TLS client that trusts the suite's authority agrees on with a service."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        context.set_alpn_protocols(["h2"])
        host, port = self.environment[f"CDT_{VARIABLES[service]}"].split(":")
        with socket.create_connection((host, int(port)), timeout=5) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                return secure.selected_alpn_protocol()

    def container(self, service):
        return self.compose("ps", "-q", service).stdout.strip()

    def inspect(self, service, template):
        return self.run("docker", "inspect", "-f", template, self.container(service)).stdout.strip()

    def health(self, service):
        return self.inspect(service, "{{.State.Health.Status}}")

    def healthy(self, *services):
        return all(self.health(service) == "healthy" for service in services)

    def teams(self):
        count = self.ask("teams", "count", PROVINCE, "--date", MONTH_END)
        return int(count["communeTeams"]) + int(count["hamletTeams"])

    def figures(self):
        """Of the province, under its name and not its code: what a code means only the Registry knows."""
        self.province = self.province or self.ask("units", "resolve", PROVINCE, "--date", MONTH_END)["unit"]["name"]
        return self.ask("report", "status", self.province, "--month", MONTH, "--total")["figures"]

    def remove(self):
        self.compose("--profile", "tools", "down", "-v", "-t", "5", "--remove-orphans", check_status=False)


class Data:
    """A province in two parts: what is imported at first, and the teams that come later."""

    def __init__(self, suite, folder):
        self.whole, self.first, self.late = folder / "whole", folder / "first", folder / "late"
        suite.cdt("generate", str(self.whole), "--as-of", DAY, "--provinces", PROVINCE, "--reports", MONTH)
        teams = self.read("teams.csv")
        late = {row["team_id"] for row in [row for row in teams if row["level"] == "thon"][-LATE_TEAMS:]}
        for part, wanted in ((self.first, lambda team: team not in late), (self.late, lambda team: team in late)):
            part.mkdir()
            self.write(part / "teams.csv", [row for row in teams if wanted(row["team_id"])])
            self.write(part / "members.csv", [row for row in self.read("members.csv") if wanted(row["team_id"])])
            reports = [row for row in self.read(f"reports-{MONTH}.csv") if wanted(row["member_id"].rsplit("-", 1)[0])]
            self.write(part / f"reports-{MONTH}.csv", reports)
        self.teams = len(teams)

    def read(self, name):
        with open(self.whole / name, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    @staticmethod
    def write(path, rows):
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


class Load:
    """Asks services again and again while something else is done to the suite."""

    def __init__(self, suite, *questions):
        self.suite, self.questions = suite, questions
        self.asked, self.failures, self.over = 0, [], threading.Event()
        self.thread = threading.Thread(target=self.ask)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def ask(self):
        while not self.over.is_set():
            for question in self.questions:
                done = self.suite.cdt(*question, check_status=False)
                self.asked += 1
                if done.returncode != 0:
                    self.failures.append(f"{' '.join(question)}: {done.stderr.strip()}")


def main_job(suite, data):
    suite.take_secrets()
    suite.cdt("health")
    check(suite.protocol("registry") == "h2", "the Registry speaks HTTP/2 over TLS, with a certificate of the suite's own")
    nobody = dict(suite.environment, CDT_TOKEN_FILE="")
    nobody.pop("CDT_TOKEN_FILE")
    refused = subprocess.run([str(suite.programs / "cdt"), "teams", "count", PROVINCE], env=nobody, capture_output=True,
                             text=True, timeout=60)
    check(refused.returncode == 77, "a caller without a token is refused")
    suite.cdt("import", str(data.first), "--source", "demo", "--code-date", DAY)
    teams = suite.teams()
    check(teams == data.teams - LATE_TEAMS, f"{teams} of {data.teams - LATE_TEAMS} teams are imported")
    suite.cdt("report", "open", MONTH, "--wait")
    suite.cdt("report", "submit-file", str(data.first / f"reports-{MONTH}.csv"), "--month", MONTH, "--unit", PROVINCE,
              "--source", "demo")
    figures = suite.figures()
    check(0 < int(figures["received"]) < int(figures["expected"]),
          f"{figures['received']} of {figures['expected']} reports are in")
    suite.cdt("fund", "run", PROVINCE, "--month", MONTH, "--wait")
    amount = int(suite.ask("fund", "runs", "--limit", "1")["runs"][0]["amountDong"])
    check(amount == 600_000 * (data.teams - LATE_TEAMS), f"{amount:,} đồng are due: 600,000 for each team")
    suite.cdt("notify", "remind", PROVINCE, "--month", MONTH, "--wait", timeout=900)
    missing = int(figures["expected"]) - int(figures["received"])
    eventually(f"{missing} mails lie in the mail catcher", lambda: mails(suite) == missing)


def mails(suite):
    return json.loads(suite.compose("exec", "-T", "mail-catcher", "cat", "/mail/counts.json").stdout)["messages"]


def stopped(suite, data):
    others = [service for service in SERVICES if service != "registry"]
    before = suite.figures()
    suite.compose("stop", "registry")
    check(suite.healthy(*others), "the other three stay healthy")
    check(suite.figures()["received"] == before["received"], "figures are answered without it")
    check(suite.cdt("teams", "count", PROVINCE, check_status=False).returncode == 69, "its callers hear that it is away")
    suite.up("registry")
    check(suite.teams() == data.teams - LATE_TEAMS, "it comes back with its data")


def killed(suite, data):
    for service in ("activity-reporting", "funding-policy"):
        before = suite.inspect(service, "{{.State.Pid}}")
        os.kill(int(before), signal.SIGKILL)
        eventually(f"{service} is started again",
                   lambda: suite.inspect(service, "{{.State.Pid}}") not in ("0", before) and suite.healthy(service))
    check(int(suite.figures()["received"]) > 0, "every report that was acknowledged is there")
    check(len(suite.ask("fund", "runs")["runs"]) == 1, "the run is there, once")


def partitioned(suite, data):
    network, service = f"{suite.project}_default", "activity-reporting"
    before = int(suite.figures()["expected"])
    container = suite.container(service)
    suite.run("docker", "network", "disconnect", network, container)
    suite.cdt("import", str(data.late), "--source", "demo", "--code-date", DAY)
    check(suite.teams() == data.teams, f"the Registry takes {LATE_TEAMS} more teams meanwhile")
    check(suite.cdt("report", "status", suite.province, "--month", MONTH, "--total", check_status=False).returncode
          in (69, 75), "who asks the one that is cut off hears so")
    suite.run("docker", "network", "connect", "--alias", service, network, container)
    # The published port leads to the address it had.
    suite.compose("up", "--no-build", "--no-deps", "--wait", service)
    eventually("it hears of the new teams when it is back",
               lambda: int(suite.figures()["expected"]) >= before + LATE_TEAMS, 120)


def paused(suite, data):
    suite.compose("pause", "registry")
    started = time.monotonic()
    late = suite.cdt("teams", "count", PROVINCE, "--timeout", "2", check_status=False)
    check(late.returncode in (69, 75) and time.monotonic() - started < 30, "a call to a frozen service ends at its deadline")
    check(int(suite.figures()["received"]) > 0, "the others answer")
    suite.compose("unpause", "registry")
    eventually("it answers again", lambda: suite.cdt("teams", "count", PROVINCE, check_status=False).returncode == 0)
    eventually("and is healthy", lambda: suite.healthy("registry"))


def upgraded(suite, data):
    service = "funding-policy"
    before = suite.inspect(service, "{{.Image}}")
    recipe = f"FROM cdt-{service}:local\nLABEL release=next\n"
    subprocess.run(["docker", "build", "-q", "-t", f"cdt-{service}:local", "-"], input=recipe, text=True, check=True,
                   env=suite.environment, capture_output=True)
    questions = (["teams", "count", PROVINCE, "--date", MONTH_END],
                 ["report", "status", suite.province, "--month", MONTH, "--total"], ["notify", "status"])
    with Load(suite, *questions) as load:
        suite.up("--no-deps", service)
    check(suite.inspect(service, "{{.Image}}") != before, f"{service} runs from another image")
    check(not load.failures, f"{load.asked} calls of the other services went on, none failed" if not load.failures
          else f"calls of other services failed: {load.failures[0]}")
    check(len(suite.ask("fund", "runs")["runs"]) == 1, "its data are there")


def down_and_up(suite, data):
    before = suite.figures()
    sent = mails(suite)
    suite.compose("down", "-t", "30")
    check(suite.compose("ps", "-aq").stdout.strip() == "", "everything is gone but the volumes")
    suite.up()
    # The tokens are made anew at each start.
    suite.take_secrets()
    check(suite.teams() == data.teams, "the teams are there")
    after = suite.figures()
    check((after["expected"], after["received"]) == (before["expected"], before["received"]), "the figures are the same")
    check(len(suite.ask("fund", "runs")["runs"]) == 1, "the run is there")
    check(mails(suite) == sent, "nobody was told twice")


def sizes(suite):
    for service in SERVICES:
        size = int(suite.run("docker", "image", "inspect", "-f", "{{.Size}}", f"cdt-{service}:local").stdout)
        memory = suite.run("docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", suite.container(service)).stdout
        print(f"  {service:20} image {size / 1e6:.0f} MB, memory {memory.strip()}", flush=True)
        user = suite.compose("exec", "-T", service, "id", "-u").stdout.strip()
        check(user != "0", f"{service} does not run as root")
        # "overlay / overlay ro,relatime,… 0 0", and "CapBnd: 0000000000000000": also what a program with more rights cannot do.
        root = suite.compose("exec", "-T", service, "grep", " / ", "/proc/mounts").stdout.split()
        check("ro" in root[3].split(","), f"{service} cannot change its image")
        capabilities = suite.compose("exec", "-T", service, "grep", "CapBnd", "/proc/1/status").stdout.split()[1]
        check(int(capabilities, 16) == 0, f"{service} has no capabilities")


def main():
    parser = argparse.ArgumentParser(description="Proves docker-compose.yml with a real engine.")
    parser.add_argument("programs", type=pathlib.Path, metavar="BIN", help="the folder of the built cdt")
    parser.add_argument("--postgres", action="store_true", help="the services on PostgreSQL")
    options = parser.parse_args()
    folder = pathlib.Path(".local/compose-test").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    suite = Suite(options.programs.absolute(), folder, options.postgres)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    suite.remove()
    started = time.monotonic()
    status = 0
    try:
        step("Starting: docker compose up --wait")
        data = Data(suite, folder)
        suite.up()
        check(suite.healthy(*SERVICES), f"the four are healthy after {time.monotonic() - started:.0f} s")
        for title, part in (("The main job", main_job), ("One is stopped", stopped), ("One is killed", killed),
                            ("One is cut off from the others", partitioned), ("One is frozen", paused),
                            ("One gets another image while the others run", upgraded),
                            ("Everything goes down, and comes up again", down_and_up)):
            step(title)
            part(suite, data)
        step("What they are")
        sizes(suite)
        print(f"\nDone in {time.monotonic() - started:.0f} s.")
    except Failed as failure:
        print(f"\n  ✗ {failure}\n", file=sys.stderr)
        print(suite.compose("ps", "-a", check_status=False).stdout, file=sys.stderr)
        print(suite.compose("logs", "--tail", "15", check_status=False).stdout[-6000:], file=sys.stderr)
        status = 1
    finally:
        suite.remove()
    return status


if __name__ == "__main__":
    sys.exit(main())
