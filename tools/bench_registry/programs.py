"""The Registry that is measured, those who call it, and what they spend."""

import json
import os
import socket
import subprocess
import time
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")
# `./dev` has built them; CDT_PROGRAMS names another folder.
FOLDER = Path(os.environ.get("CDT_PROGRAMS", ".build/release")).absolute()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of processes, all threads."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total * TICK


class Program:
    """A server on a port of its own; on one core where one is given."""

    def __init__(self, command, core: int | None = None, patience: float = 300):
        self.port = free_port()
        pinned = ["taskset", "-c", core] if core is not None else []
        self.process = subprocess.Popen([str(part) for part in [*pinned, *command(self.port)]], stdout=subprocess.DEVNULL)
        until = time.monotonic() + patience
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    self.stop()
                    raise SystemExit(f"{command(0)[0]} does not start") from None
                time.sleep(0.05)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def peak(self) -> int:
        """The most memory it has had at once, in bytes, since `forget_peak`."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) * 1024

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


def registry(store, core: int | None = None) -> Program:
    admin = free_port()
    return Program(
        lambda port: [FOLDER / "registry", "--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin}",
                      "--log-level", "error", *store.arguments()], core)


def memory(source: Program, date: str, core: int) -> Program:
    """Answers GetTeam with the teams of a Registry, from a dictionary."""
    return Program(lambda port: [FOLDER / "bench-registry", "memory", source.address, port, "--date", date], core)


def told(arguments: list, core: int | None = None) -> dict[str, float]:
    """Runs the caller; what it says."""
    pinned = ["taskset", "-c", core] if core is not None else []
    command = [str(part) for part in [*pinned, FOLDER / "bench-registry", *arguments]]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr}")
    return {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()}


def cdt(server: Program, *arguments) -> dict:
    """Runs the command-line client; its answer."""
    command = [FOLDER / "cdt", *arguments, "-o", "json", "--timeout", "1800"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          env=os.environ | {"CDT_REGISTRY": server.address})
    if done.returncode:
        raise SystemExit(f"cdt {' '.join(map(str, arguments))}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def generate(folder: Path, day: str, provinces: str) -> None:
    chosen = ["--provinces", provinces] if provinces else []
    subprocess.run([FOLDER / "cdt", "generate", folder, "--as-of", day, *chosen], check=True, capture_output=True)
