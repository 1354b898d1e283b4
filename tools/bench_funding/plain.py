"""The rows that a run leaves behind, written by plain SQL: what the run is held against.

One INSERT … SELECT for each table over the same copies of the Registry's facts, in the same schema with its indexes, durable
as the service is. It knows one policy, one rule and no exceptions, explains nothing and seals no chain; the sums must be the
run's all the same.
"""

import sqlite3
import time
from pathlib import Path

# First days and first days after, of the month; days of a team or member that count: where all that it needs overlaps.
DAYS = """CAST(max(0, julianday(min(:end, {ends})) - julianday(max(:begin, {begins}))) AS INTEGER)"""

OVERLAPS = "(coalesce({0}.from_day, '') < :end AND coalesce({0}.end_day, :end) > :begin)"

TEAM_LINES = f"""
    INSERT INTO run_lines (run, month, team_id, person_id, policy, component, policy_version, team_level, rule, amount, days,
        reasons, needs_consolidation, yields_to, evidence, posted_before, to_post)
    SELECT :run, :month, id, '', :policy, 'allowance', 1, level, 3, CASE WHEN days >= 15 THEN :rate ELSE 0 END,
        (1 << days) - 1, CASE WHEN days >= 15 THEN 0 ELSE 64 END, 0, '', randomblob(16), 0, days >= 15
    FROM (SELECT t.id, t.level, {DAYS.format(
        ends="coalesce(s.end_day, :end), coalesce(p.end_day, :end), coalesce(t.decision_end, :end)",
        begins="coalesce(s.from_day, :begin), coalesce(p.from_day, :begin), "
               "coalesce(t.decision_from, t.decision_issued_on, :begin)")} AS days
        FROM teams t JOIN team_statuses s ON s.team_id = t.id AND s.status = 2 AND {OVERLAPS.format('s')}
        JOIN team_placements p ON p.team_id = t.id AND {OVERLAPS.format('p')}) ORDER BY id"""

MEMBER_LINES = f"""
    INSERT INTO run_lines (run, month, team_id, person_id, policy, component, policy_version, team_level, rule, amount, days,
        reasons, needs_consolidation, yields_to, evidence, posted_before, to_post)
    SELECT :run, :month, id, person_id, :policy, 'allowance', 1, level, 3, CASE WHEN days >= 15 THEN :rate ELSE 0 END,
        (1 << days) - 1, CASE WHEN days >= 15 THEN 0 ELSE 64 END, 0, '', randomblob(16), 0, days >= 15
    FROM (SELECT t.id, t.level, m.person_id, {DAYS.format(
        ends="coalesce(s.end_day, :end), coalesce(p.end_day, :end), coalesce(t.decision_end, :end), "
             "coalesce(m.end_day, :end)",
        begins="coalesce(s.from_day, :begin), coalesce(p.from_day, :begin), "
               "coalesce(t.decision_from, t.decision_issued_on, :begin), coalesce(m.from_day, :begin)")} AS days
        FROM teams t JOIN team_statuses s ON s.team_id = t.id AND s.status = 2 AND {OVERLAPS.format('s')}
        JOIN team_placements p ON p.team_id = t.id AND {OVERLAPS.format('p')}
        JOIN memberships m ON m.team_id = t.id AND {OVERLAPS.format('m')}) ORDER BY id, person_id"""

EVIDENCE = "INSERT INTO evidence (hash, content) SELECT evidence, randomblob(:size) FROM run_lines WHERE run = :run"

JOURNAL = """
    INSERT INTO ledger_journals (number, kind, recorded_at, actor, maker, reference, document, note, entry_count, amount,
        chain_hash)
    SELECT coalesce(max(number), 0) + 1, 4, 0, 'checker', 'clerk', 'runs/plain', x'', '', 0, 0, zeroblob(32)
    FROM ledger_journals"""
ENTRIES = """
    INSERT INTO ledger_entries (journal, position, debit, credit, amount, component, month, team_id, person_id, due, cut, item)
    SELECT (SELECT max(number) FROM ledger_journals), row_number() OVER (ORDER BY month, team_id, person_id) - 1,
        (SELECT coalesce(max(id), 0) + 1 FROM ledger_accounts), (SELECT coalesce(max(id), 0) + 2 FROM ledger_accounts), amount,
        component, month, team_id, person_id, amount, 0, ''
    FROM run_lines WHERE run = :run AND to_post = 1"""

LINES = {"TEAM": TEAM_LINES, "MEMBER": MEMBER_LINES}


def write(before: Path, beneficiary: str, month: str, policy: str, rate: int, evidence: int) -> dict[str, float]:
    """Writes into a database as it was before the run; the seconds and the sums. `evidence`: bytes kept for each line."""
    year, number = map(int, month.split("-"))
    values = {"month": month, "policy": policy, "rate": rate, "size": evidence,
              "begin": f"{month}-01", "end": f"{year + number // 12}-{number % 12 + 1:02}-01"}
    connection = sqlite3.connect(before, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        values["run"] = connection.execute("SELECT coalesce(max(run), 0) + 1 FROM run_lines").fetchone()[0]
        clock = [(time.monotonic(), time.process_time())]
        for statements in ([LINES[beneficiary], JOURNAL, ENTRIES], [EVIDENCE]):
            connection.execute("BEGIN IMMEDIATE")
            for statement in statements:
                connection.execute(statement, values)
            connection.execute("COMMIT")
            clock.append((time.monotonic(), time.process_time()))
        lines, amount = connection.execute(
            "SELECT count(*), sum(amount) FROM run_lines WHERE run = ?", [values["run"]]).fetchone()
        return {"lines": lines, "amount": amount, "seconds": clock[1][0] - clock[0][0], "cpu": clock[1][1] - clock[0][1],
                "evidence_seconds": clock[2][0] - clock[1][0], "evidence_cpu": clock[2][1] - clock[1][1]}
    finally:
        connection.close()
