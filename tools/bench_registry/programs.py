"""The Registry that is measured, those who call it, and what they spend."""

import json
import os
import subprocess
from pathlib import Path

import processes
from processes import cpu_seconds, free_port, free_ports  # noqa: F401 (for those who measure with these programs)

# `./dev` has built them; CDT_PROGRAMS names another folder.
FOLDER = Path(os.environ.get("CDT_PROGRAMS", ".build/release")).absolute()


class Program:
    """A server on a port of its own; on one core where one is given."""

    def __init__(self, command, core: int | None = None, patience: float = 300, port: int | None = None):
        self.port = port or free_port()
        try:
            self.process = processes.listening(command(self.port), self.port, core, patience)
        except processes.NotStarted as failure:
            raise SystemExit(str(failure)) from None

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
        processes.stop(self.process)


def registry(store, core: int | None = None) -> Program:
    port, admin = free_ports(2)
    return Program(
        lambda port: [FOLDER / "registry", "--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin}",
                      "--log-level", "error", *store.arguments()], core, port=port)


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
