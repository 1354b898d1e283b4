"""Programs that a benchmark or a test starts on this machine: where they listen, and what they spend.

None outlives the program that has started it.
"""

import atexit
import os
import random
import socket
import subprocess
import time
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")
RUNNING: set[subprocess.Popen] = set()
# As our images and units start services; what they are compared with gets the same.
ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=64", **os.environ}


class NotStarted(Exception):
    """A program ended, or did not listen in time."""


def free_port() -> int:
    """A port for a server that is told where to listen.

    It lies below the range from which the kernel hands out ports, so that no other socket takes it in between, or
    while the server is restarted.
    """
    while True:
        with socket.socket() as listener:
            port = random.randrange(20_000, 32_000)
            try:
                listener.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def free_ports(count: int) -> list[int]:
    """Such ports, all different."""
    ports = set()
    while len(ports) < count:
        ports.add(free_port())
    return list(ports)


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of processes, all threads; of one that has ended, none."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total * TICK


def spawn(command: list, **options) -> subprocess.Popen:
    process = subprocess.Popen([str(part) for part in command], **{"env": ENVIRONMENT, **options})
    RUNNING.add(process)
    return process


def listening(command: list, port: int, core: int | None = None, patience: float = 30, **options) -> subprocess.Popen:
    """Starts a server, on one core where one is given, and waits until it takes connections."""
    pinned = ["taskset", "-c", core] if core is not None else []
    process = spawn([*pinned, *command], stdout=subprocess.DEVNULL, **options)
    until = time.monotonic() + patience
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                kill(process)
                raise NotStarted(f"{command[0]} does not start") from None
            time.sleep(0.05)


def stop(process: subprocess.Popen) -> None:
    """Lets a program end by itself."""
    if process.poll() is None:
        process.terminate()
        process.wait()
    RUNNING.discard(process)


def kill(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
    RUNNING.discard(process)


@atexit.register
def kill_all() -> None:
    """What a failure left behind."""
    for process in list(RUNNING):
        kill(process)
