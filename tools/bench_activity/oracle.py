"""`./dev oracle activity`: the figures of the whole country, recounted from the raw rows.

The country of the reference generator is imported into a Registry; nine in ten obligations of a month get a report, some of
them corrections; the service is killed in between and goes on; facts arrive late. Then the figures of the nation and of each
province, district and commune – expected, received, on time, late, outstanding, times helped, a flow and a stock – are
compared with what is counted here from the Registry's rows (teams, stretches, memberships, units and their parents) and the
stored reports, without any of the service's code. Once with the default policies and once with every member reporting, on
the units of 2026 and on those of 12/8/2024.
"""

import argparse
import calendar
import collections
import csv
import datetime
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

from bench_registry import programs
from bench_rpc.report import machine, say, table

from . import suite

ACTIVE, COMMUNE_TEAM = 2, 1
STOCK, FLOW = 1, 2

# The period is one by whose end every generated team is established.
Case = collections.namedtuple("Case", "name day period today old_units")
CASES = [
    Case("units of 2026", "2026-10-01", "2026-10", "2026-11-20", False),
    Case("units of 12/8/2024", "2024-08-12", "2024-12", "2025-01-20", True),
]


def arguments():
    parser = argparse.ArgumentParser(prog="./dev oracle activity", description="Recount the figures of the country.")
    parser.add_argument("--engines", default="sqlite,postgres", help="which databases")
    parser.add_argument("--cases", default="1,2", help="1: units of 2026, 2: units of 12/8/2024")
    parser.add_argument("--provinces", default="", help="only these, for a short run")
    parser.add_argument("--data", default="", help="folders with teams.csv and members.csv, one for each case, separated by "
                        "commas; default: generated")
    parser.add_argument("--registries", default="", help="databases of stopped Registries into which those were imported, "
                        "likewise; default: they are made")
    return parser.parse_args()


def fields(message: bytes):
    """Number and value of each field of a protobuf message; lengths and varints are all that a report holds."""
    i, end = 0, len(message)

    def varint(i):
        value = shift = 0
        while True:
            byte = message[i]
            value |= (byte & 0x7F) << shift
            i, shift = i + 1, shift + 7
            if byte < 0x80:
                return value, i

    while i < end:
        key, i = varint(i)
        value, i = varint(i)
        if key & 7 == 2:
            value, i = message[i:i + value], i + value
        yield key >> 3, value


def declared_on(report: bytes) -> str:
    """`cdt.activity.v1.Report.declared_on`."""
    return next(value for number, value in fields(report) if number == 10).decode()


def achieved(report: bytes) -> tuple[int, int, int]:
    """Times helped, accounts opened (a flow) and digital stores (a stock) of a stored report."""
    helped, counters = 0, {}
    for number, value in fields(report):
        if number == 5:
            helped += dict(fields(value)).get(5, 0)
        elif number == 6:
            counter = dict(fields(value))
            counters[counter.get(2), counter[1]] = counter.get(3, 0)
    return helped, counters.get((FLOW, b"e_payment_accounts_opened"), 0), counters.get((STOCK, b"digital_stores"), 0)


class Facts:
    """The Registry's rows, as they are now."""

    def __init__(self, country):
        name = lambda blob: str(uuid.UUID(bytes=blob))
        self.units = {rank: (name(unit), begun, ended) for rank, unit, begun, ended in country.rows(
            "SELECT rank, id, valid_from, valid_to FROM unit")}
        self.parents = collections.defaultdict(list)
        for unit, parent, begun, ended in country.rows(
                "SELECT unit_rank, parent_rank, valid_from, valid_to FROM unit_parent"):
            self.parents[unit].append((begun, ended, parent))
        self.successors = {}
        for unit, target in country.rows(
                "SELECT source_rank, target_rank FROM unit_succession ORDER BY is_default, target_rank DESC"):
            self.successors[unit] = target
        self.levels = {name(team): level for team, level in country.rows("SELECT id, level FROM team")}
        self.stretches = collections.defaultdict(list)
        for team, status, commune, begun, ended in country.rows(
                "SELECT team_id, status, commune_rank, valid_from, valid_to FROM team_stretch ORDER BY valid_from"):
            # Of one set up in a commune that had ended by then, too: "its figures stay with the parent then in force".
            self.stretches[name(team)].append((begun, ended, status, commune))
        self.members = collections.defaultdict(list)
        for team, person, begun, ended in country.rows(
                "SELECT team_id, person_id, valid_from, valid_to FROM membership WHERE is_void = 0"):
            self.members[name(team)].append((name(person), begun, ended))

    def standing_for(self, rank: int | None, date: str) -> int | None:
        """The unit in force for one on a day: itself, what it became, or "the parent then in force" where nothing says."""
        for _ in range(32):
            if rank is None:
                return None
            _, begun, ended = self.units[rank]
            if begun <= date < ended:
                return rank
            parents = sorted(self.parents[rank])
            if date < begun:
                rank = parents[0][2] if parents else None
            else:
                rank = self.successors.get(rank) or (parents[-1][2] if parents else None)
        return None

    def above(self, commune: int, date: str) -> list[str]:
        """A commune, or what stands for it, and the units above it on a day."""
        found, rank = [], self.standing_for(commune, date)
        while rank is not None:
            found.append(self.units[rank][0])
            above = next((parent for begun, ended, parent in self.parents[rank] if begun <= date < ended), None)
            rank = self.standing_for(above, date)
        return found

    def owed(self, period: str, everybody: bool) -> set[tuple[str, str]]:
        """Who owes a report: "a member active any day of the month", "while team and membership are both active"."""
        first, end = period + "-01", following(period) + "-01"
        owed = set()
        for team, level in self.levels.items():
            active = [(max(begun, first), min(ended, end)) for begun, ended, status, _ in self.stretches[team]
                      if status == ACTIVE and begun < end and ended > first]
            if level != COMMUNE_TEAM and not everybody:
                owed.update([(team, "")] if active else [])
                continue
            for person, begun, ended in self.members[team]:
                if any(max(begun, a) < min(ended, b) for a, b in active):
                    owed.add((team, person))
        return owed


def owed_by_files(folder: Path, period: str) -> tuple[int, int]:
    """Obligations of a period by the files alone, with the default policies and with every member reporting."""
    end = following(period) + "-01"
    with open(folder / "teams.csv", newline="", encoding="utf-8") as rows:
        levels = {row["team_id"]: row["level"] for row in csv.DictReader(rows) if row["established"] < end}
    with open(folder / "members.csv", newline="", encoding="utf-8") as rows:
        members = collections.Counter(levels.get(row["team_id"]) for row in csv.DictReader(rows))
    hamlets = sum(level == "thon" for level in levels.values())
    return members["xa"] + hamlets, members["xa"] + members["thon"]


def following(period: str) -> str:
    year, number = map(int, period.split("-"))
    return f"{year + number // 12}-{number % 12 + 1:02}"


def recount(facts: Facts, received: dict, period: str, tree: str, everybody: bool) -> dict[str, list[int]]:
    """Expected, received, on time, late and outstanding, times helped, a flow and a stock, by unit."""
    due = following(period) + "-05"
    counts = collections.defaultdict(lambda: [0] * 8)
    chains: dict[int, list[str]] = {}
    places = {}
    for team, stretches in facts.stretches.items():
        place = next((commune for begun, ended, _, commune in reversed(stretches) if begun <= tree), stretches[0][3])
        if place not in chains:
            chains[place] = facts.above(place, tree)
        places[team] = chains[place]
    for team, person in facts.owed(period, everybody):
        report = received.get((team, person))
        for unit in places[team]:
            count = counts[unit]
            count[0] += 1
            if report is None:
                count[4] += 1
                continue
            day, sums = report
            count[1] += 1
            count[2 if day <= due else 3] += 1
            for i, value in enumerate(sums):
                count[5 + i] += value
    return counts


def reports(store, period: str) -> dict[tuple[str, str], tuple[str, tuple[int, int, int]]]:
    """Of each report the day on which its first version was received, and what its newest one tells."""
    content = "content" if store.name == "SQLite" else "encode(content, 'hex')"
    found = {}
    for team, person, version, message in store.rows(
            f"SELECT team, person, version, {content} FROM reports WHERE period = '{period}' ORDER BY team, person, version"):
        message = message if store.name == "SQLite" else bytes.fromhex(message)
        day = declared_on(message) if int(version) == 1 else found[team, person][0]
        found[team, person] = day, achieved(message)
    return found


def compare(store, server, country, case: Case, everybody: bool, tree: str) -> tuple[int, list[int]]:
    """How many units were compared, and the nation's figures; ends when one differs."""
    def recounted():
        return recount(Facts(country), reports(store, case.period), case.period, tree, everybody)

    expected = recounted()
    units, nation = 0, []
    for line in suite.lines(["units", server.address, case.period, tree]):
        unit, *numbers = line.split()
        found = list(map(int, numbers))
        nation = nation or found
        units += 1
        if found != expected.pop(unit, [0] * 8):
            raise SystemExit(f"{store.name}, {case.name}: units/{unit} says {found}, the rows say {recounted()[unit]}")
    if expected:
        raise SystemExit(f"{store.name}, {case.name}: {len(expected)} units are missing, for example {min(expected)}")
    return units, nation


def fill_with_a_crash(store, country, case: Case, server, names: Path, salt: int):
    """Submits, kills the service in the middle, starts it again and submits all once more; the service that goes on."""
    first = following(case.period) + "-01"
    arguments = ["fill", names, "--day", first, "--salt", salt]
    command = [programs.FOLDER / "bench-activity", arguments[0], server.address, *arguments[1:]]
    stored = lambda: int(store.rows(f"SELECT count(*) FROM reports WHERE period = '{case.period}'")[0][0])
    before = stored()
    filling = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = before + sum(1 for _ in open(names)) // 3
    while filling.poll() is None and stored() < most:
        time.sleep(0.01)
    server.kill()
    cut = filling.wait() != 0
    kept = stored()
    server = suite.Activity(store, country, case.today)
    told = suite.told([arguments[0], server.address, *arguments[1:]])
    if not cut or told["conflict"] or told["rejected"] or not told["duplicate"] or not told["applied"]:
        raise SystemExit(f"the service was to be killed in the middle: {told}, {kept} reports by then")
    return server


def late_facts(country, case: Case) -> int:
    """Every fiftieth member turns out to have left before the month; how many."""
    source, folder = country.data / "members.csv", Path(tempfile.mkdtemp(prefix="late-", dir=country.data))
    ended = (datetime.date.fromisoformat(case.period + "-01") - datetime.timedelta(days=1)).isoformat()
    changed = 0
    with open(source, newline="", encoding="utf-8") as rows, \
            open(folder / "members.csv", "w", newline="", encoding="utf-8") as late:
        reader = csv.DictReader(rows)
        columns = list(reader.fieldnames) + [column for column in ("to",) if column not in reader.fieldnames]
        writer = csv.DictWriter(late, columns)
        writer.writeheader()
        for number, row in enumerate(reader):
            if number % 50 == 7:
                writer.writerow(row | {"to": ended})
                changed += 1
    answer = programs.cdt(country.server, "import", folder, "--source", "bench", "--code-date", case.day)
    if int(answer.get("rejected", 0)):
        raise SystemExit(f"late facts were rejected: {answer}")
    return changed


def run(engine: str, case: Case, country) -> list[list[str]]:
    store = suite.STORES[engine]()
    names = country.data / f"names-{engine}"
    tree = f"{case.period}-{calendar.monthrange(*map(int, case.period.split('-')))[1]}"
    told = []
    server = suite.Activity(store, country, case.today)

    def row(what: str, everybody: bool, begun: float, day: str = tree) -> None:
        units, nation = compare(store, server, country, case, everybody, day)
        say(f"{store.name}, {case.name}, {what}: {units:,} units are as the rows say, "
            f"{nation[1]:,} of {nation[0]:,} reported")
        told.append([store.name, case.name, what, f"{nation[0]:,}", f"{nation[1]:,}", f"{nation[2]:,}", f"{nation[4]:,}",
                     f"{units:,}", f"{time.monotonic() - begun:.0f}"])

    try:
        totals = owed_by_files(country.data, case.period)
        for everybody, what, total in ((False, "default policies", totals[0]), (True, "every member", totals[1])):
            begun = time.monotonic()
            say(f"{store.name}, {case.name}, {what}: deriving, reporting, a crash")
            if everybody:
                suite.told(["policy", server.address, case.period + "-01"])
            owed = len(Facts(country).owed(case.period, everybody))
            if owed != total:
                raise SystemExit(f"the Registry's rows make {owed:,} obligations, the files {total:,}")
            suite.told(["open", server.address, case.period, "--expect", owed])
            suite.told(["names", server.address, case.period, names])
            server = fill_with_a_crash(store, country, case, server, names, 1 if not everybody else 2)
            row(what, everybody, begun)
        begun = time.monotonic()
        say(f"{store.name}, {case.name}: late facts")
        late_facts(country, case)
        suite.told(["open", server.address, case.period, "--expect", len(Facts(country).owed(case.period, True))])
        row("every member, after late facts", True, begun)
        return told
    finally:
        server.stop()
        store.close()


def main():
    options = arguments()
    host, told = machine(), []
    folders = options.data.split(",") if options.data else [""] * len(CASES)
    registries = options.registries.split(",") if options.registries else [""] * len(CASES)
    for number in options.cases.split(","):
        case, data, registry = CASES[int(number) - 1], folders[int(number) - 1], registries[int(number) - 1]
        with tempfile.TemporaryDirectory(prefix="cdt-oracle-") as kept:
            for engine in options.engines.split(","):
                # Each begins with the country as it was imported: late facts stay in it.
                if not registry:
                    say(f"generating and importing the country, {case.name} (every person is invented)")
                country = suite.Country(case.day, options.provinces, case.old_units, data, registry)
                try:
                    if not registry:
                        country.keep(Path(kept))
                        data, registry = kept, f"{kept}/registry.db"
                    told += run(engine, case, country)
                finally:
                    country.close()
    print(f"\nMeasured on {host}. Every figure of every unit equals what the rows say.\n")
    table(["store", "country", "who reports", "expected", "received", "on time", "outstanding", "units compared", "s"],
          told)


if __name__ == "__main__":
    main()
