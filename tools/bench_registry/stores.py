"""The databases that are compared, each in a temporary folder: SQLite's file, and a PostgreSQL of its own."""

import hashlib
import os
import pwd
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

import processes

from . import bulk

# What the Registry knows, apart from how often and when it was written.
FACTS = {
    "unit": ("rank, id, level, code, name, kind, aliases, valid_from, valid_to, is_void", "rank"),
    "unit_parent": ("unit_rank, parent_rank, valid_from, valid_to", "unit_rank, valid_from"),
    "unit_succession": ("source_rank, target_rank, effective_on, relation, is_part, is_default",
                        "source_rank, target_rank"),
    "hamlet": ("id, name, name_key, kind, valid_from", "id"),
    "hamlet_stay": ("hamlet_id, commune_rank, basis, valid_from, valid_to", "hamlet_id, valid_from"),
    "team": ("id, level, name, decision_number, external_id, row_hash, import_row, created_at", "id"),
    "team_stretch": ("team_id, level, status, unit_id, commune_rank, basis, valid_from, valid_to",
                     "team_id, valid_from"),
    "membership": ("id, team_id, person_id, role, valid_from, valid_to, is_void, row_hash", "id"),
    "person": ("id, full_name, phones, version", "id"),
    "reorganisation_place": ("is_hamlet, subject_id, former, given", "is_hamlet, subject_id"),
}
UNSEALED = "SELECT count(*) FROM audit WHERE sequence IS NULL"


class SQLite:
    name = "SQLite"
    # What its import is held against.
    bulk_name = "sqlite3 .import"

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="cdt-bench-"))
        self.file = self.folder / "registry.db"

    def arguments(self) -> list:
        return ["--data", self.folder]

    def processes(self) -> list[int]:
        return []

    def ask(self, sql: str) -> int:
        with sqlite3.connect(f"file:{self.file}?mode=ro", uri=True) as connection:
            return connection.execute(sql).fetchone()[0]

    def digest(self) -> str:
        whole = hashlib.sha256()
        with sqlite3.connect(f"file:{self.file}?mode=ro", uri=True) as connection:
            for table, (columns, order) in FACTS.items():
                for row in connection.execute(f"SELECT {columns} FROM {table} ORDER BY {order}"):
                    whole.update(repr(row).encode())
        return whole.hexdigest()

    def load_in_bulk(self, folder: Path) -> tuple[float, int, int]:
        """Loads all rows of the import as the database's own tools do; seconds, rows that arrived, and rows there are."""
        rows = bulk.write(self.file, folder)
        return (*bulk.load(self.file, folder), rows)

    def size(self) -> int:
        return sum(file.stat().st_size for file in self.folder.glob("registry.db*"))

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class PostgreSQL:
    """The newest server that is installed; it refuses to run as root, so root starts it as `postgres`."""

    name = "PostgreSQL"
    bulk_name = "COPY"

    def __init__(self):
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        if not programs:
            raise SystemExit("PostgreSQL is not installed (Debian: postgresql)")
        self.programs = programs[-1]
        self.folder = Path(tempfile.mkdtemp(prefix="cdt-bench-pg-"))
        self.server = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        self.user = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
        self.run("initdb", "-D", self.folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8",
                 "--locale=C.UTF-8")
        # Durable as by default; with the memory a small server of its own would be given.
        self.server = processes.spawn(
            [*self.user, self.programs / "postgres", "-D", self.folder / "data", "-k", self.folder, "-c",
             "listen_addresses=", "-c", "shared_buffers=1GB", "-c", "max_wal_size=8GB", "-c", "autovacuum_naptime=10s"],
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            if subprocess.run([self.programs / "pg_isready", "-q", "-h", self.folder]).returncode == 0:
                break
            time.sleep(0.1)
        self.sql("CREATE DATABASE registry", "postgres")

    def run(self, program: str, *arguments) -> str:
        done = subprocess.run([*self.user, self.programs / program, *arguments], cwd=self.folder, capture_output=True,
                              text=True)
        if done.returncode:
            raise SystemExit(f"{program} failed: {done.stderr}")
        return done.stdout

    def sql(self, text: str, database: str = "registry") -> str:
        return self.run("psql", "-h", self.folder, "-U", "postgres", "-d", database, "-XAtq", "-c", text).strip()

    def arguments(self) -> list:
        return ["--database", f"postgresql:///registry?host={self.folder}&user=postgres", "--data", self.folder / "none"]

    def processes(self) -> list[int]:
        children = Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children").read_text().split()
        return [self.server.pid, *map(int, children)]

    def ask(self, sql: str) -> int:
        return int(self.sql(sql))

    def digest(self) -> str:
        whole = hashlib.sha256()
        for table, (columns, order) in FACTS.items():
            whole.update(self.sql(f"""
                SELECT md5(coalesce(string_agg(md5(t::text), '' ORDER BY {order}), ''))
                FROM (SELECT {columns} FROM {table}) t""").encode())
        return whole.hexdigest()

    def load_in_bulk(self, _: Path) -> tuple[float, int, int]:
        """By COPY into a database with the same tables and indexes; the server writes and reads the files itself."""
        tables = {table: self.folder / f"{table}.copy" for table in bulk.TABLES}
        for table, file in tables.items():
            self.sql(f"COPY {table} TO '{file}'")
        chosen = [part for table in tables for part in ("-t", table)]
        schema = self.run("pg_dump", "-h", self.folder, "-U", "postgres", "-d", "registry", "-s", *chosen)
        self.sql("CREATE DATABASE bulk", "postgres")
        # Without psql's own commands, which newer dumps have; the topics are not loaded.
        schema = re.sub(r"(?m)^\\.*$", "", schema)
        self.sql(re.sub(r"ALTER TABLE ONLY[^;]*FOREIGN KEY[^;]*;", "", schema), "bulk")
        self.sql("CHECKPOINT")
        script = [part for table, file in tables.items() for part in ("-c", f"COPY {table} FROM '{file}'")]
        begun = time.monotonic()
        self.run("psql", "-h", self.folder, "-U", "postgres", "-d", "bulk", "-Xq", *script)
        seconds = time.monotonic() - begun

        def count(database: str) -> int:
            return int(self.sql("SELECT " + " + ".join(f"(SELECT count(*) FROM {table})" for table in tables), database))

        counts = count("bulk"), count("registry")
        self.sql("DROP DATABASE bulk", "postgres")
        for file in tables.values():
            file.unlink()
        return (seconds, *counts)

    def size(self) -> int:
        return int(self.sql("SELECT pg_database_size('registry')"))

    def close(self) -> None:
        if self.server and self.server.poll() is None:
            self.server.send_signal(signal.SIGINT)
            self.server.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
