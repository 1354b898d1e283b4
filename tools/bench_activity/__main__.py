"""`./dev bench activity`: reports taken in, figures read and watched, with the teams of the whole country.

Durable submissions by 1, 16 and 64 callers beside a loop in C that writes the same rows, in transactions of 64 and of one;
the national figure with one month and with 24 months of data; and the delay of `WatchFigures`.
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from bench_registry import programs
from bench_rpc.report import machine, say, table

from . import loop, suite

# Reports whose way to WatchFigures is timed.
WATCHED = 20
DAY, TODAY, PERIOD = "2024-10-15", "2024-11-04", "2024-10"


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench activity", description="Measure Activity reporting here.")
    parser.add_argument("--quick", action="store_true", help="three provinces, short rounds, six months")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of submissions")
    parser.add_argument("--seconds", type=float, help="of submissions in a round (4; quick: 1)")
    parser.add_argument("--registry", default="", help="database of a stopped Registry with the country imported; default: "
                        "one is made")
    options = parser.parse_args()
    options.seconds = options.seconds or (1 if options.quick else 4)
    return options


class Submissions:
    """What submitting has cost, by number of callers."""

    def __init__(self):
        self.samples: dict[int, list[dict]] = {}
        self.used = 0

    def measure(self, server, names: Path, callers: int, seconds: float) -> None:
        say(f"submissions, {callers} callers")
        before = server.metric("storage_commits_total"), programs.cpu_seconds([server.process.pid])
        told = suite.told(["submit", server.address, names, "--from", self.used, "--callers", callers, "--seconds", seconds])
        if not told["calls"]:
            raise SystemExit(f"all {self.used:,} reports that are owed have been submitted: fewer --rounds or --seconds, or "
                             "without --quick")
        told["commits"] = server.metric("storage_commits_total") - before[0]
        told["cpu"] = programs.cpu_seconds([server.process.pid]) - before[1]
        # Whoever asked for one more than there was time for has taken a name in vain.
        self.used += int(told["calls"]) + callers
        self.samples.setdefault(callers, []).append(told)

    def median(self, callers: int, value) -> float:
        return statistics.median(value(sample) for sample in self.samples[callers])

    def rate(self, callers: int) -> float:
        return self.median(callers, lambda sample: sample["calls"] / sample["seconds"])

    def commits(self, callers: int) -> float:
        return self.median(callers, lambda sample: sample["commits"] / sample["calls"])

    def rows(self) -> list:
        return [[f"{callers} callers", f"{self.rate(callers):,.0f}", f"{self.commits(callers):.3f}",
                 f"{self.median(callers, lambda s: s['cpu'] / s['calls']) * 1e6:,.0f}",
                 f"{self.median(callers, lambda s: s['p50']) * 1e3:.2f}",
                 f"{self.median(callers, lambda s: s['p99']) * 1e3:.2f}"] for callers in self.samples]


def read_figures(server, kept: str, seconds: float) -> tuple[str, dict]:
    """The national figure of a month, with what a call costs the service."""
    say(f"the national figure, {kept} kept")
    before = programs.cpu_seconds([server.process.pid])
    told = suite.told(["figures", server.address, PERIOD, "--seconds", seconds])
    told["cpu"] = (programs.cpu_seconds([server.process.pid]) - before) / told["calls"]
    return kept, told


def main():
    options = arguments()
    host = machine()
    folder = Path(tempfile.mkdtemp(prefix="cdt-bench-activity-"))
    store = suite.SQLite()
    if not options.registry:
        say("generating and importing the country (every person is invented)")
    country = suite.Country(DAY, "02,08,12" if options.quick else "", registry=options.registry)
    try:
        names = folder / "names"
        server = suite.Activity(store, country, TODAY)
        try:
            say("following the Registry, deriving two months")
            opened = suite.told(["open", server.address, PERIOD, "2024-11"])
            suite.told(["names", server.address, PERIOD, names])
            suite.told(["names", server.address, "2024-11", folder / "more"])
            # Some are kept for who watches: a fast machine submits all others.
            lines = [*names.read_text().split(), *(folder / "more").read_text().split()]
            names.write_text("\n".join(lines[:-WATCHED]))
            watched = folder / "watched"
            watched.write_text("\n".join(lines[-WATCHED:]))
            figures = [read_figures(server, "2 months", options.seconds)]
            before = store.copy(folder / "before.db")
            submissions = Submissions()
            for callers in (64, 16, 1):
                submissions.measure(server, names, callers, options.seconds / 4)
            submissions.samples.clear()
            for _ in range(options.rounds):
                for callers in (1, 16, 64):
                    submissions.measure(server, names, callers, options.seconds)
            say("the delay of WatchFigures")
            watch = suite.told(["watch", server.address, watched, "--from", 0, "--reports", WATCHED])
        finally:
            server.stop()
        say("the same rows by a loop in C")
        program = loop.compiled(folder)
        count = loop.plan(before, store.file, folder / "plan.db", 30_000)
        loops = {batch: loop.run(program, before, folder / "plan.db", batch, folder) for batch in [64]}
        loop.plan(before, store.file, folder / "single.db", min(count, 4_000))
        loops[1] = loop.run(program, before, folder / "single.db", 1, folder)
        server = suite.Activity(store, country, TODAY)
        try:
            months = 6 if options.quick else 24
            periods = [month(i) for i in range(10 - months, 10)]
            say(f"opening {months} months")
            derived = suite.told(["open", server.address, *periods])
            figures.append(read_figures(server, f"{months + 1} months", options.seconds))
            size = store.size()
        finally:
            server.stop()
    finally:
        country.close()
        store.close()
        shutil.rmtree(folder, ignore_errors=True)
    show(host, options, opened, derived, submissions, loops, figures, watch, size)


def month(i: int) -> str:
    """The i-th month of 2024, from 0; before it the months of the years before."""
    return f"{2024 + i // 12}-{i % 12 + 1:02}"


def show(host, options, opened, derived, submissions, loops, figures, watch, size) -> None:
    what = "Three provinces" if options.quick else "The whole country"
    print(f"\nMeasured on {host}. {what} as of {DAY}, every person invented: {int(opened['obligations']):,} obligations in "
          f"a month; median of {options.rounds} rounds of {options.seconds:g} s. SQLite.\n")
    table(["submissions", "a second", "disk syncs each", "CPU µs", "p50 ms", "p99 ms"], submissions.rows())
    rates = {batch: told["submissions"] / told["seconds"] for batch, told in loops.items()}
    print("\nThe same rows by a loop in C over SQLite\n")
    table(["transactions of", "submissions", "rows", "submissions a second"],
          [[f"{batch}", f"{told['submissions']:,.0f}", f"{told['rows']:,.0f}", f"{rates[batch]:,.0f}"]
           for batch, told in loops.items()])
    print("\nThe national figure, one caller over the wire\n")
    table(["kept", "CPU µs", "p50 ms", "p99 ms", "calls/s"],
          [[name, f"{told['cpu'] * 1e6:,.0f}", f"{told['p50'] * 1e3:.2f}", f"{told['p99'] * 1e3:.2f}",
            f"{told['calls'] / told['seconds']:,.0f}"] for name, told in figures])
    print(f"\nDeriving: two months in {opened['seconds']:.0f} s with the facts of the Registry, the others in "
          f"{derived['seconds']:.0f} s; {size / 2**20:,.0f} MiB on the disk.")
    print(f"WatchFigures tells of a report {watch['p50'] * 1e3:.1f} ms after its answer (median of {watch['calls']:.0f}, at "
          f"most {watch['most'] * 1e3:.1f} ms).")
    syncs, share, raw = submissions.commits(64), submissions.rate(64) / rates[64], submissions.rate(64) / rates[1]
    # Of one caller each call waits for a commit of its own.
    times = submissions.rate(64) / submissions.rate(1)
    worst = max(told["p99"] for _, told in figures) * 1e3
    print("\nAgainst what we want to reach\n")
    table(["ratio", "wanted", "measured", "reached"], [
        ["disk syncs for a submission, 64 callers", "≤ 0.063", f"{syncs:.3f}", "yes" if syncs <= 1 / 16 else "no"],
        ["submissions, 64 callers, of one commit per call", "≥ 3 ×", f"{times:.1f} ×", "yes" if times >= 3 else "no"],
        ["submissions, 64 callers, of one commit each in C", "", f"{raw:.1f} ×", ""],
        ["submissions, 64 callers, of the C loop's", "≥ 50 %", f"{share * 100:.0f} %", "yes" if share >= 0.5 else "no"],
        ["p99 of the national figure", "≤ 2 ms", f"{worst:.2f} ms", "yes" if worst <= 2 else "no"],
    ])


main()
