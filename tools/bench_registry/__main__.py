"""`./dev bench registry`: what the Registry does with the teams of the whole country, on SQLite and on PostgreSQL.

The import over the wire beside the database's own bulk load (`sqlite3 .import`, COPY) of all rows it leaves behind;
GetTeam from the store beside the same call answered from memory, one core each; lists, coverage and the feed; and the
reorganisation of 1/7/2025.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from bench_rpc.report import machine, say, table
from processes import cpu_seconds

from . import programs, stores

DAY = "2024-10-15"
EVENTS = ["2026-09-20", "2026-09-01", "2026-04-30", "2025-07-01"]


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench registry", description="Measure the Registry on this machine.")
    parser.add_argument("--quick", action="store_true", help="three provinces, one short round")
    parser.add_argument("--engines", default="sqlite,postgres", help="which databases")
    parser.add_argument("--rounds", type=int, help="rounds of calls (3; quick: 1)")
    parser.add_argument("--seconds", type=float, help="of calls in a round (4; quick: 1)")
    parser.add_argument("--skip-reorganisation", action="store_true", help="leave 1/7/2025 out")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (1 if options.quick else 4)
    return options


class Timed:
    """Seconds, and the CPU time that some processes spent in them."""

    def __init__(self, server, store):
        self.pids = lambda: [server.process.pid]
        self.others = store.processes

    def __enter__(self):
        self.begun = time.monotonic()
        self.before = cpu_seconds(self.pids()), cpu_seconds(self.others())
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.begun
        self.cpu = cpu_seconds(self.pids()) - self.before[0]
        self.database_cpu = cpu_seconds(self.others()) - self.before[1]


def megabytes(size: float) -> str:
    return f"{size / 2**20:,.0f} MiB"


def measure_import(store, data: Path, results: list) -> int:
    """Imports twice; the rows of the files."""
    server = programs.registry(store)
    try:
        # The units as they were before 1/7/2025; they are reorganised at the end.
        events = programs.cdt(server, "reorganisations", "list")["reorganisations"]
        for day in EVENTS:
            name = next(event["name"] for event in events if event["effectiveOn"] == day)
            programs.cdt(server, "reorganisations", "revert", name)
        for what in ("import", "the same again: all unchanged"):
            say(f"{store.name}: {what}")
            server.forget_peak()
            with Timed(server, store) as timed:
                answer = programs.cdt(server, "import", data, "--source", "bench", "--code-date", DAY)
            rows = int(answer["rows"])
            stored = int(answer.get("accepted", 0)) + int(answer.get("warned", 0))
            if stored + int(answer.get("unchanged", 0)) != rows or (what != "import" and stored):
                raise SystemExit(f"not every row was taken as it should be: {answer}")
            results.append([what, f"{rows:,} rows", f"{timed.seconds:.1f}", f"{rows / timed.seconds:,.0f}",
                            f"{timed.cpu:.1f}", f"{timed.database_cpu:.1f}" if timed.database_cpu else "",
                            megabytes(server.peak())])
            if what == "import":
                store.import_seconds = timed.seconds
        begun = time.monotonic()
        while store.ask(stores.UNSEALED):
            time.sleep(0.5)
        results.append(["audit sealed, after the import", "", f"{time.monotonic() - begun:.1f}", "", "", "", ""])
        return rows
    finally:
        server.stop()


def measure_bulk(store, results: list) -> None:
    folder = Path(tempfile.mkdtemp(prefix="cdt-bench-bulk-"))
    try:
        say(f"{store.name}: all rows of the import by {store.bulk_name}")
        seconds, arrived, rows = store.load_in_bulk(folder)
        if arrived != rows:
            raise SystemExit(f"{store.bulk_name}: {arrived:,} of {rows:,} rows arrived")
        store.bulk_seconds = seconds
        results.append([f"{store.bulk_name} of all rows", f"{rows:,} rows", f"{seconds:.1f}", f"{rows / seconds:,.0f}", "",
                        "", ""])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure_calls(store, options, results: list) -> dict[str, float]:
    """GetTeam on one core against the same from memory, in turn; then lists, coverage, feed."""
    server = programs.registry(store, core=1)
    names = Path(tempfile.mkstemp(prefix="cdt-bench-names-")[1])
    beside = None
    try:
        beside = programs.memory(server, DAY, core=1)
        programs.told(["names", server.address, names, "--date", DAY])
        samples = {}
        common = ["--date", DAY, "--seconds", options.seconds]

        def calls(what, program, kind, *more):
            say(f"{store.name}: {what}")
            with Timed(program, store) as timed:
                told = programs.told(["call", program.address, kind, *common, *more], core=0)
            samples.setdefault(what, []).append(
                (timed.cpu / told["calls"], told["calls"] / told["seconds"], told["p50"], told["p99"],
                 timed.database_cpu / told["calls"]))

        # What is read for the first time is read from the disk.
        calls("warm", server, "get-team", "--names", names)
        calls("warm", beside, "get-team", "--names", names)
        samples.clear()
        for _ in range(options.rounds):
            calls("GetTeam", server, "get-team", "--names", names)
            calls("GetTeam from memory", beside, "get-team", "--names", names)
        for _ in range(options.rounds):
            calls("ListTeams, pages of 100", server, "list-teams", "--callers", 8)
            calls("GetCoverage of a province", server, "coverage", "--callers", 8)
        for what, found in samples.items():
            cpu, rate, p50, p99, database = (statistics.median(sample[i] for sample in found) for i in range(5))
            results.append([what, f"{cpu * 1e6:,.1f}", f"{database * 1e6:,.1f}" if database else "", f"{rate:,.0f}",
                            f"{p50 * 1e3:.2f}", f"{p99 * 1e3:.2f}"])
        for topic in ("registry.facts", "registry.contacts"):
            say(f"{store.name}: following {topic}")
            with Timed(server, store) as timed:
                told = programs.told(["follow", server.address, topic], core=0)
            results.append([f"feed {topic}, {told['events']:,.0f} events", f"{timed.cpu / told['events'] * 1e6:,.1f}",
                            "", f"{told['events'] / told['seconds']:,.0f}", "", ""])
        return {what: statistics.median(sample[0] for sample in found) for what, found in samples.items()}
    finally:
        if beside:
            beside.stop()
        server.stop()
        names.unlink()


def measure_reorganisation(store, results: list) -> None:
    """1/7/2025 previewed, applied and reverted, over everything that was imported."""
    server = programs.registry(store)
    try:
        events = programs.cdt(server, "reorganisations", "list")["reorganisations"]
        name = next(event["name"] for event in events if event["effectiveOn"] == "2025-07-01")
        former = store.digest()

        def step(what):
            say(f"{store.name}: 1/7/2025, {what}")
            server.forget_peak()
            with Timed(server, store) as timed:
                answer = programs.cdt(server, "reorganisations", what, name)
            effect = answer.get("effect", answer)
            results.append([f"1/7/2025, {what}", f"{int(effect['teams']):,} teams, {int(effect['hamlets']):,} hamlets",
                            f"{timed.seconds:.1f}", "", f"{timed.cpu:.1f}",
                            f"{timed.database_cpu:.1f}" if timed.database_cpu else "", megabytes(server.peak())])
            return effect

        previewed, applied = step("preview"), step("apply")
        if previewed != applied:
            raise SystemExit("the preview named something else than was applied")
        if store.digest() == former:
            raise SystemExit("applying changed nothing")
        step("revert")
        if store.digest() != former:
            raise SystemExit("reverting did not give back what was")
    finally:
        server.stop()


def main():
    options = arguments()
    host = machine()
    provinces = "02,08,12" if options.quick else ""
    data = Path(tempfile.mkdtemp(prefix="cdt-bench-data-"))
    told = []
    try:
        say("generating the data (every person is invented)")
        programs.generate(data, DAY, provinces)
        for engine in options.engines.split(","):
            store = {"sqlite": stores.SQLite, "postgres": stores.PostgreSQL}[engine]()
            try:
                bulk_rows, calls = [], []
                measure_import(store, data, bulk_rows)
                size = store.size()
                measure_bulk(store, bulk_rows)
                cpu = measure_calls(store, options, calls)
                if not options.skip_reorganisation:
                    measure_reorganisation(store, bulk_rows)
                told.append((store, size, bulk_rows, calls, cpu))
            finally:
                store.close()
    finally:
        shutil.rmtree(data, ignore_errors=True)
    show(host, options, told)


def show(host: str, options, told: list) -> None:
    what = "Three provinces" if options.quick else "The whole country"
    print(f"\nMeasured on {host}. {what} as of {DAY}, every person invented.")
    for store, size, bulk_rows, calls, _ in told:
        print(f"\n{store.name}: rows, over the wire and durable (afterwards {megabytes(size)} on the disk)\n")
        table(["what", "rows", "s", "rows/s", "CPU s", "database's CPU s", "peak memory"], bulk_rows)
        print(f"\n{store.name}: calls, the Registry on one core, its callers on the other\n")
        table(["call", "CPU µs", "database's CPU µs", "calls/s", "p50 ms", "p99 ms"], calls)
    goals = []
    for store, _, _, _, cpu in told:
        share = cpu["GetTeam from memory"] / cpu["GetTeam"]
        if store.name == "SQLite":
            goals.append(["GetTeam from the store, of its speed from memory (SQLite)", "≥ 50 %", f"{share * 100:.0f} %",
                          "yes" if share >= 0.5 else "no"])
        times = store.import_seconds / store.bulk_seconds
        wanted = "≤ 4 ×" if store.name == "SQLite" else ""
        goals.append([f"import over the wire, of {store.bulk_name} ({store.name})", wanted, f"{times:.2f} ×",
                      ("yes" if times <= 4 else "no") if wanted else ""])
    print("\nAgainst what we want to reach\n")
    table(["ratio", "wanted", "measured", "reached"], goals)


main()
