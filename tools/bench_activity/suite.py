"""The Registry with a country in it, services that follow it, and those who call them."""

import shutil
import sqlite3
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from bench_registry import programs, stores

# The reorganisations since 2024, the last first.
EVENTS = ["2026-09-20", "2026-09-01", "2026-04-30", "2025-07-01"]


class SQLite(stores.SQLite):
    """The file of a service that follows the Registry."""

    def __init__(self, service: str = "activity"):
        super().__init__()
        self.file = self.folder / f"{service}.db"

    def rows(self, sql: str) -> list[tuple]:
        with sqlite3.connect(f"file:{self.file}?mode=ro", uri=True) as connection:
            return connection.execute(sql).fetchall()

    def size(self) -> int:
        return sum(file.stat().st_size for file in self.folder.glob(f"{self.file.name}*"))

    def copy(self, target: Path) -> Path:
        """The database as it is, in a file of its own."""
        with sqlite3.connect(self.file) as source, sqlite3.connect(target) as copy:
            source.backup(copy)
        return target


class PostgreSQL(stores.PostgreSQL):
    """A server of its own; what the base class calls `registry` is this service's database."""

    def rows(self, sql: str) -> list[tuple]:
        return [tuple(line.split("|")) for line in self.sql(sql).splitlines()]


STORES = {"sqlite": SQLite, "postgres": PostgreSQL}


class Country:
    """A Registry into which a generated country was imported."""

    def __init__(self, day: str, provinces: str = "", old_units: bool = False, data: str = "", registry: str = ""):
        self.store = stores.SQLite()
        self.data = Path(tempfile.mkdtemp(prefix="cdt-bench-data-"))
        if data:
            for name in ("teams.csv", "members.csv"):
                shutil.copy(Path(data) / name, self.data / name)
        elif not registry:
            programs.generate(self.data, day, provinces)
        if registry:
            shutil.copy(registry, self.store.file)
            self.server = programs.registry(self.store)
            return
        self.server = programs.registry(self.store)
        if old_units:
            events = programs.cdt(self.server, "reorganisations", "list")["reorganisations"]
            for event in EVENTS:
                name = next(known["name"] for known in events if known["effectiveOn"] == event)
                programs.cdt(self.server, "reorganisations", "revert", name)
        answer = programs.cdt(self.server, "import", self.data, "--source", "bench", "--code-date", day)
        stored = int(answer.get("accepted", 0)) + int(answer.get("warned", 0))
        if stored != int(answer["rows"]):
            raise SystemExit(f"not every row was taken: {answer}")

    def rows(self, sql: str) -> list[tuple]:
        with sqlite3.connect(f"file:{self.store.file}?mode=ro", uri=True) as connection:
            return connection.execute(sql).fetchall()

    def keep(self, folder: Path) -> None:
        """Puts the files, and the database as it is now, where another one may start from them."""
        for name in ("teams.csv", "members.csv"):
            shutil.copy(self.data / name, folder / name)
        with sqlite3.connect(self.store.file) as source, sqlite3.connect(folder / "registry.db") as copy:
            source.backup(copy)

    def close(self) -> None:
        self.server.stop()
        self.store.close()
        shutil.rmtree(self.data, ignore_errors=True)


class Follower(programs.Program):
    """A service over a store that follows the Registry, at a day."""

    def __init__(self, program: str, store, country: Country, today: str, core: int | None = None, more=()):
        self.admin = programs.free_port()
        super().__init__(
            lambda port: [programs.FOLDER / program, "--listen", f"127.0.0.1:{port}", "--admin-listen",
                          f"127.0.0.1:{self.admin}", "--log-level", "error", "--today", today, "--peer",
                          f"registry={country.server.address}", *more, *store.arguments()], core)

    def metric(self, name: str) -> float:
        text = urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics").read().decode()
        return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name + " "))

    def kill(self) -> None:
        """Ends it as a crash would."""
        self.process.kill()
        self.process.wait()


class Activity(Follower):
    """Activity reporting."""

    def __init__(self, store, country: Country, today: str, core: int | None = None):
        super().__init__("activity-reporting", store, country, today, core)


def told(arguments: list, core: int | None = None) -> dict[str, float]:
    """Runs the caller; what it says."""
    return {line.split()[0]: float(line.split()[1]) for line in lines(arguments, core)}


def lines(arguments: list, core: int | None = None) -> list[str]:
    pinned = ["taskset", "-c", core] if core is not None else []
    command = [str(part) for part in [*pinned, programs.FOLDER / "bench-activity", *arguments]]
    # What it says of its progress, and of what went wrong, is for who waits.
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    return done.stdout.splitlines()
