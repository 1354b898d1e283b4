"""The rows of submissions, written by a loop in C: what Activity reporting's submissions are held against."""

import shutil
import sqlite3
import subprocess
from pathlib import Path

COLUMNS = {
    "reports": None, "obligations": ("period", "team", "person"), "operations": None, "feed_events": None, "stocks": None,
}
FIGURES = """
    INSERT INTO figures (period, scope, holder, level, calendar, slot, expected, received, on_time, late, excused, waived)
    VALUES (?, ?, ?, ?, ?, 0, 0, 1, 1, 0, 0, 0)
    ON CONFLICT (period, scope, holder, level, calendar, slot) DO UPDATE SET
        expected = figures.expected + excluded.expected, received = figures.received + excluded.received,
        on_time = figures.on_time + excluded.on_time, late = figures.late + excluded.late,
        excused = figures.excused + excluded.excused, waived = figures.waived + excluded.waived"""
SUMS = """
    INSERT INTO achievements (kind, scope, holder, month, measure, level, slot, value, terms, at_least, nearly)
    VALUES (?, ?, ?, ?, ?, ?, 0, 5, 1, 0, 0)
    ON CONFLICT (kind, scope, holder, month, measure, level, slot) DO UPDATE SET
        value = achievements.value + excluded.value, terms = achievements.terms + excluded.terms,
        at_least = achievements.at_least + excluded.at_least, nearly = achievements.nearly + excluded.nearly"""


def compiled(folder: Path) -> Path:
    program = folder / "loop"
    subprocess.run(["cc", "-O2", "-o", program, Path(__file__).with_name("loop.c"), "-lsqlite3"], check=True)
    return program


def plan(before: Path, after: Path, file: Path, most: int) -> int:
    """Writes the rows that submissions have left behind, in the order in which they came; how many submissions."""
    file.unlink(missing_ok=True)
    with sqlite3.connect(file) as connection:
        connection.execute("ATTACH ? AS done", (str(after),))
        connection.execute("ATTACH ? AS old", (str(before),))
        connection.execute("CREATE TABLE plan (name TEXT, sql TEXT)")
        last = connection.execute("SELECT coalesce(max(sequence), 0) FROM old.feed_events").fetchone()[0]
        connection.execute("""
            CREATE TABLE told AS SELECT 'obligations/' || period || '.' || team ||
                CASE person WHEN '' THEN '' ELSE '.' || person END AS aggregate, period, team, person
            FROM done.reports""")
        connection.execute("CREATE INDEX told_aggregate ON told (aggregate)")
        connection.execute(f"""
            CREATE TABLE sent AS
            SELECT row_number() OVER (ORDER BY e.sequence) - 1 AS i, e.sequence, r.period, r.team, r.person,
                t.place, t.bucket, t.level, o.calendar, '0 ' || r.aggregate AS operation
            FROM done.feed_events e
            JOIN told r ON r.aggregate = e.aggregate
            JOIN done.teams t ON t.id = r.team
            JOIN done.obligations o ON o.period = r.period AND o.team = r.team AND o.person = r.person
            WHERE e.sequence > {last} ORDER BY e.sequence LIMIT {most}""")
        connection.execute("CREATE INDEX sent_i ON sent (i)")

        def step(name: str, rows: str, sql: str) -> None:
            connection.execute(f"CREATE TABLE {name} AS {rows}")
            connection.execute("INSERT INTO plan VALUES (?, ?)", (name, sql))

        joins = {
            "reports": "x.period = s.period AND x.team = s.team AND x.person = s.person",
            "obligations": "x.period = s.period AND x.team = s.team AND x.person = s.person",
            "operations": "x.operation_id = s.operation", "feed_events": "x.sequence = s.sequence",
            "stocks": "x.team = s.team AND x.source = s.period AND x.person = s.person",
        }
        for table, key in COLUMNS.items():
            columns = [row[1] for row in connection.execute(f"PRAGMA done.table_info({table})")]
            sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
            if key:
                changed = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in key)
                sql += f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changed}"
            step(table, f"SELECT s.i AS submission, x.* FROM sent s JOIN done.{table} x ON {joins[table]}", sql)
        holders = "(SELECT 0 AS scope, i AS n, bucket AS holder FROM sent UNION ALL SELECT 1, i, place FROM sent)"
        step("figures", f"""SELECT s.i, s.period, h.scope, h.holder, s.level, s.calendar
            FROM sent s JOIN {holders} h ON h.n = s.i ORDER BY s.i""", FIGURES)
        measures = " UNION ALL ".join(
            f"SELECT {kind} AS kind, '{text}' AS measure" for kind, text in
            [(1, "1 1 1 "), (1, "3 1 1 "), (1, "4 1 1 "), (2, "e_payment_accounts_opened"), (3, "digital_stores")])
        step("achievements", f"""SELECT s.i, m.kind, h.scope, h.holder, s.period, m.measure, s.level
            FROM sent s JOIN {holders} h ON h.n = s.i JOIN ({measures}) m ORDER BY s.i""", SUMS)
        return connection.execute("SELECT count(*) FROM sent").fetchone()[0]


def run(program: Path, before: Path, file: Path, batch: int, folder: Path) -> dict[str, float]:
    """Writes the rows of a plan into a copy of the database as it was before."""
    target = folder / "loop.db"
    shutil.copy(before, target)
    done = subprocess.run([program, target, file, str(batch)], capture_output=True, text=True)
    for left in folder.glob("loop.db*"):
        left.unlink()
    if done.returncode:
        raise SystemExit(f"the loop in C: {done.stderr}")
    return {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()}
