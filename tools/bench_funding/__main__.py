"""`./dev bench funding`: the allowances of the whole country for one month, from the facts to the books.

A policy for every team and one for every member of the country; each month is computed, approved by another person and
posted, beside plain SQL that writes the same rows. Then a run and its posting are killed in the middle, and go on.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from bench_activity import suite
from bench_registry import programs
from bench_rpc.report import machine, say, table

from . import plain

DAY, TODAY = "2024-10-15", "2025-01-06"
RATES = {"TEAM": 600_000, "MEMBER": 60_000}
MONTHS = ["2024-10", "2024-09", "2024-11", "2024-08", "2024-12"]


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench funding", description="Measure the Funding policy service here.")
    parser.add_argument("--quick", action="store_true", help="three provinces, one round")
    parser.add_argument("--rounds", type=int, help="months under each policy (3; quick: 1)")
    parser.add_argument("--engines", default="sqlite", help="which databases: sqlite, postgres or both; plain SQL is SQLite's")
    parser.add_argument("--registry", default="", help="database of a stopped Registry with the country imported; default: "
                        "one is made")
    options = parser.parse_args()
    options.rounds = min(options.rounds or (1 if options.quick else 3), len(MONTHS) - 1)
    return options


class Office:
    """Persons with tokens of their own: nobody may do all of it."""

    def __init__(self, folder: Path):
        self.folder = folder
        subprocess.run([programs.FOLDER / "cdt", "admin", "init-secrets", "--out", folder], check=True, capture_output=True)
        for person in ("clerk", "checker", "payer"):
            token = subprocess.run(
                [programs.FOLDER / "cdt", "admin", "token", "--key", folder / "issuer/issuer.key", "--subject", person,
                 "--grant", "*@vn", "--expires", "7d"], check=True, capture_output=True, text=True).stdout
            (folder / f"{person}.token").write_text(token)
        self.keys = folder / "funding/jwks.json"

    def command(self, server, country, person: str, *arguments) -> tuple[list[str], dict]:
        words = [programs.FOLDER / "cdt", "fund", *arguments, "-o", "json", "--timeout", "600", "--token-file",
                 self.folder / f"{person}.token"]
        return list(map(str, words)), os.environ | {
            "CDT_FUNDING": server.address, "CDT_REGISTRY": country.server.address}


class Service:
    """The service over a store, with somebody to ask it."""

    def __init__(self, store, country, office: Office):
        self.store, self.country, self.office = store, country, office
        self.start()

    def start(self) -> None:
        self.server = suite.Follower("funding-policy", self.store, self.country, TODAY,
                                     more=["--jwks", self.office.keys, "--peer", "activity=127.0.0.1:1"])

    def ask(self, person: str, *arguments) -> dict:
        command, environment = self.office.command(self.server, self.country, person, *arguments)
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: {done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def begin(self, person: str, *arguments) -> subprocess.Popen:
        command, environment = self.office.command(self.server, self.country, person, *arguments)
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)

    def call(self, method: str, message: dict) -> dict:
        """As the clerk, without the client."""
        done = subprocess.run(
            [".local/venv/bin/buf", "curl", "--schema", "proto", "--protocol", "grpc", "--http2-prior-knowledge", "-H",
             f"authorization: Bearer {(self.office.folder / 'clerk.token').read_text().strip()}", "-d", json.dumps(message),
             f"http://{self.server.address}/cdt.funding.v1.FundingPolicyService/{method}"], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{method}: {done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def policy(self, beneficiary: str) -> str:
        nation = self.store.rows("SELECT id FROM units WHERE level = 1")[0][0]
        text = {
            "title": f"Every {beneficiary.lower()} of the country", "titleVi": "Toàn quốc", "jurisdictionUnit": nation,
            "document": {"number": f"1/{beneficiary}", "issuedOn": "2024-01-01"}, "validFrom": "2024-01-01",
            "beneficiary": f"BENEFICIARY_{beneficiary}", "levels": ["TEAM_LEVEL_COMMUNE", "TEAM_LEVEL_HAMLET"],
            "stackable": True,
            "components": [{"id": "allowance", "kind": f"COMPONENT_KIND_RATE_PER_{beneficiary}_MONTH",
                            "rateDong": RATES[beneficiary], "description": "Allowance", "descriptionVi": "Hỗ trợ"}],
        }
        name = self.call("CreatePolicy", {"policy": text})["policy"]["name"]
        self.call("ActivatePolicy", {"name": name, "version": 1})
        self.ask("clerk", "ledger", "appropriate", name, "2024", "--amount", "1000000000000", "--document", "1/QĐ")
        return name

    def state(self) -> dict:
        return self.ask("clerk", "runs", "--limit", "1")["runs"][0]


class Memory(threading.Thread):
    """The most memory of its own that a process has at once; pages of the database's file are the system's."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.status, self.most, self.running = Path(f"/proc/{pid}/status"), 0, True
        self.start()

    def run(self) -> None:
        while self.running:
            for line in self.status.read_text().splitlines():
                if line.startswith("RssAnon"):
                    self.most = max(self.most, int(line.split()[1]) * 1024)
            time.sleep(0.02)

    def stop(self) -> int:
        self.running = False
        self.join()
        return self.most


def follow(service: Service) -> float:
    """Until all of the Registry's facts have come; seconds."""
    begun = time.monotonic()
    wanted = {"teams": service.country.rows("SELECT count(*) FROM team")[0][0],
              "memberships": service.country.rows("SELECT count(*) FROM membership")[0][0]}
    while any(service.store.ask(f"SELECT count(*) FROM {table}") < count for table, count in wanted.items()):
        time.sleep(0.5)
    return time.monotonic() - begun


def measured(service: Service, unit: str, month: str, policy: str) -> dict:
    """A run from its start into the books."""
    pids = [service.server.process.pid, *service.store.processes()]
    clock, memory = [(time.monotonic(), programs.cpu_seconds(pids))], Memory(service.server.process.pid)
    run = service.ask("clerk", "run", unit, "--month", month, "--policy", policy)
    clock.append((time.monotonic(), programs.cpu_seconds(pids)))
    service.ask("checker", "approve", run["name"])
    posted = service.ask("payer", "post", run["name"])
    clock.append((time.monotonic(), programs.cpu_seconds(pids)))
    if posted["state"] != "RUN_STATE_POSTED" or posted["linesPosted"] != posted["linesToPost"]:
        raise SystemExit(f"the run is not in the books: {posted}")
    return {"lines": int(run["lineCount"]), "amount": int(run["amountDong"]), "memory": memory.stop(),
            "compute": clock[1][0] - clock[0][0], "compute_cpu": clock[1][1] - clock[0][1],
            "post": clock[2][0] - clock[1][0], "post_cpu": clock[2][1] - clock[1][1]}


def rounds(service: Service, options, policies: dict, before: Path) -> dict:
    """Runs beside plain SQL, month after month."""
    samples: dict = {}
    for beneficiary, policy in policies.items():
        for month in MONTHS[:options.rounds]:
            say(f"every {beneficiary.lower()}, {month}")
            own = measured(service, "vn", month, policy)
            if before is not None:
                size = service.store.ask("SELECT CAST(avg(length(content)) AS INTEGER) FROM evidence")
                other = plain.write(before, beneficiary, month, policy, RATES[beneficiary], size)
                if (other["lines"], other["amount"]) != (own["lines"], own["amount"]):
                    raise SystemExit(f"plain SQL says {other}, the run {own}")
                own |= {f"plain_{key}": value for key, value in other.items()}
            samples.setdefault(beneficiary, []).append(own)
    return samples


def killed(service: Service, policy: str) -> dict:
    """A run and its posting, each killed in the middle: what is in the books then, and how often it is there."""
    month = MONTHS[-1]

    def until(part, what: str) -> dict:
        while True:
            run = service.state()
            done, total = part(run)
            say(f"{what}: {done:,} of {total:,}")
            if done > total * 0.3 or run["state"] not in ("RUN_STATE_RUNNING", "RUN_STATE_POSTING"):
                return run
            time.sleep(0.1)

    def crash(caller) -> None:
        service.server.kill()
        caller.kill()
        caller.wait()
        service.start()

    def ended(state: str) -> float:
        begun = time.monotonic()
        while service.state()["state"] != state:
            time.sleep(0.1)
        return time.monotonic() - begun

    caller = service.begin("clerk", "run", "vn", "--month", month, "--policy", policy)
    while service.state()["fromMonth"] != month:
        time.sleep(0.02)
    first = until(lambda run: (int(run.get("teamsDone", 0)), int(run.get("teamsTotal", 0)) or 1), "teams computed")
    crash(caller)
    result = {"computing": first, "computed_again": ended("RUN_STATE_COMPUTED")}
    run = service.state()
    service.ask("checker", "approve", run["name"])
    caller = service.begin("payer", "post", run["name"])
    while service.state()["state"] == "RUN_STATE_APPROVED":
        time.sleep(0.01)
    result["posting"] = until(lambda run: (int(run.get("linesPosted", 0)), int(run["linesToPost"])), "lines posted")
    crash(caller)
    result["posted_on"] = ended("RUN_STATE_POSTED")
    entries = f"FROM ledger_entries WHERE month = '{month}' AND due IS NOT NULL"
    result["lines"] = int(run["linesToPost"])
    result["entries"] = service.store.ask(f"SELECT count(*) {entries}")
    result["payees"] = service.store.ask(f"SELECT count(*) FROM (SELECT DISTINCT team_id, person_id {entries}) AS payees")
    result["intact"] = service.ask("clerk", "ledger", "verify").get("intact", False)
    return result


def measure(engine: str, country, options, office: Office, folder: Path) -> dict:
    store = suite.SQLite("funding") if engine == "sqlite" else suite.PostgreSQL()
    try:
        service = Service(store, country, office)
        try:
            say(f"{store.name}: following the Registry")
            result = {"name": store.name, "followed": follow(service)}
            policies = {beneficiary: service.policy(beneficiary) for beneficiary in RATES}
            before = store.copy(folder / "before.db") if engine == "sqlite" else None
            say("one province, and the same again: what a run needs besides what grows")
            result["province"] = measured(service, "02", "2024-07", policies["TEAM"])
            result["samples"] = rounds(service, options, policies, before)
            result["killed"] = killed(service, policies["TEAM"])
            result["size"] = store.size()
            return result
        finally:
            service.server.stop()
    finally:
        store.close()


def main():
    options = arguments()
    host = machine()
    folder = Path(tempfile.mkdtemp(prefix="cdt-bench-funding-"))
    if not options.registry:
        say("generating and importing the country (every person is invented)")
    country = suite.Country(DAY, "02,08,12" if options.quick else "", registry=options.registry)
    try:
        office = Office(folder / "office")
        results = [measure(engine, country, options, office, folder) for engine in options.engines.split(",")]
    finally:
        country.close()
        shutil.rmtree(folder, ignore_errors=True)
    show(host, options, results)


def show(host, options, results) -> None:
    what = "Three provinces" if options.quick else "The whole country"
    print(f"\nMeasured on {host}. {what} as of {DAY}, every person invented; median of {options.rounds} months.\n")
    rows, goals = [], []
    for result in results:
        for beneficiary, samples in result["samples"].items():
            def median(key):
                return statistics.median(sample[key] for sample in samples)

            who = f"every {beneficiary.lower()}, {result['name']}"
            own = median("compute") + median("post")
            rows.append([who, f"{median('lines'):,.0f}", f"{median('compute'):.1f}", f"{median('post'):.1f}",
                         f"{median('compute_cpu') + median('post_cpu'):.1f}", f"{median('memory') / 2**20:,.0f} MiB"])
            if "plain_seconds" not in samples[0]:
                continue
            other = median("plain_seconds")
            rows.append(["… plain SQL, entitlements and entries", f"{median('plain_lines'):,.0f}", "", f"{other:.1f}",
                         f"{median('plain_cpu'):.1f}", ""])
            rows.append(["… and as many bytes of evidence", "", "", f"{other + median('plain_evidence_seconds'):.1f}",
                         f"{median('plain_cpu') + median('plain_evidence_cpu'):.1f}", ""])
            # Of three provinces a call's own cost is most of it.
            counts = beneficiary == "TEAM" and not options.quick
            goals.append([f"the run for {who}, of plain SQL", "≤ 3 ×" if counts else "", f"{own / other:.2f} ×",
                          ("yes" if own <= 3 * other else "no") if counts else ""])
            whole = other + median("plain_evidence_seconds")
            goals.append(["… of plain SQL that keeps evidence, too", "", f"{own / whole:.2f} ×", ""])
    table(["one month", "lines", "computed in s", "posted in s", "CPU s", "memory"], rows)
    for result in results:
        crash = result["killed"]
        print(f"\n{result['name']}: the Registry's facts came in {result['followed']:.0f} s; {result['size'] / 2**20:,.0f} MiB on "
              f"the disk. One province takes {result['province']['memory'] / 2**20:,.0f} MiB of memory. Killed while computing "
              f"(at {int(crash['computing'].get('teamsDone', 0)):,} teams), the run was computed again in "
              f"{crash['computed_again']:.1f} s; killed while posting (at {int(crash['posting'].get('linesPosted', 0)):,} lines), "
              f"it went on for {crash['posted_on']:.1f} s: {crash['lines']:,} lines, {crash['entries']:,} entries for "
              f"{crash['payees']:,} payees, and the books are {'whole' if crash['intact'] else 'NOT WHOLE'}.")
        once = crash["lines"] == crash["entries"] == crash["payees"] and crash["intact"]
        goals.append([f"after kill -9 each line is posted once ({result['name']})", "yes", "yes" if once else "no",
                      "yes" if once else "no"])
    print("\nAgainst what we want to reach\n")
    table(["", "wanted", "measured", "reached"], goals)


main()
