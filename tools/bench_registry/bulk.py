"""All rows that an import left behind, loaded by `sqlite3 .import` into the same schema: what the import is held against.

CSV has neither bytes nor NULL. Bytes are written as they are, with 0 as 1, so that rows and keys stay as long and in the
same order; a NULL that must be unique is a number.
"""

import sqlite3
import subprocess
import time
from pathlib import Path

TABLES = ["team", "team_stretch", "hamlet", "hamlet_stay", "person", "membership", "audit", "feed_events"]
# A view in PostgreSQL.
TABLES_OF_SQLITE = [*TABLES, "shared_unit"]


def field(value, number: int, unique: bool) -> bytes:
    if value is None:
        return str(number).encode() if unique else b""
    data = value.replace(b"\0", b"\1") if isinstance(value, bytes) else str(value).encode()
    return b'"' + data.replace(b'"', b'""') + b'"'


def opened(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{file}?mode=ro", uri=True)


def unique_columns(connection, table: str) -> set[int]:
    places = {row[1]: row[0] for row in connection.execute(f"PRAGMA table_info({table})")}
    indexes = [row[1] for row in connection.execute(f"PRAGMA index_list({table})") if row[2]]
    return {places[row[2]] for index in indexes for row in connection.execute(f"PRAGMA index_info({index})")}


def write(source: Path, folder: Path) -> int:
    """Writes a file for each table; how many rows."""
    number = 0
    with opened(source) as connection:
        for table in TABLES_OF_SQLITE:
            unique = unique_columns(connection, table)
            with open(folder / f"{table}.csv", "wb") as file:
                for row in connection.execute(f"SELECT * FROM {table}"):
                    number += 1
                    file.write(b",".join(field(value, number, place in unique) for place, value in enumerate(row)))
                    file.write(b"\n")
    return number


def load(source: Path, folder: Path) -> tuple[float, int]:
    """Loads the files into a new database, durable as the Registry's; seconds, and rows that arrived."""
    target = folder / "bulk.db"
    target.unlink(missing_ok=True)
    with opened(source) as connection:
        # What a trigger writes is loaded like the rest.
        schema = [row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL "
                                                       "AND type <> 'trigger' "
                                                       f"AND tbl_name IN ({', '.join('?' * len(TABLES_OF_SQLITE))})",
                                                       TABLES_OF_SQLITE)]
    with sqlite3.connect(target) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        # The topics are not loaded.
        for statement in schema:
            connection.execute(statement)
    script = ["PRAGMA synchronous = FULL;", "PRAGMA foreign_keys = OFF;", ".mode csv"]
    script += [f".import {folder / table}.csv {table}" for table in TABLES_OF_SQLITE]
    begun = time.monotonic()
    done = subprocess.run(["sqlite3", target], input="\n".join(script), capture_output=True, text=True)
    seconds = time.monotonic() - begun
    if done.returncode or done.stderr.strip():
        raise SystemExit(f"sqlite3 .import: {done.stderr[:2000]}")
    with opened(target) as connection:
        return seconds, sum(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                            for table in TABLES_OF_SQLITE)
