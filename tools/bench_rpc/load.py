"""Drives a server with h2load, or with our own generator in its words, and reads what the server spent."""

import os
import re
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path

from processes import cpu_seconds

# What gRPC C++ sends with each call beside what `run` adds.
CLIENT_HEADERS = ["user-agent: grpc-c++/1.51.1 grpc-c/29.0.0 (linux; chttp2)",
                  "grpc-accept-encoding: identity, deflate, gzip"]


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@dataclass
class Sample:
    """One run of the generator."""

    calls: int
    calls_per_second: float
    cpu_per_call: float  # seconds
    busy: float  # of one core
    latencies: list[float]  # seconds, where they were asked for

    def percentile(self, of: float) -> float:
        return statistics.quantiles(self.latencies, n=1000, method="inclusive")[int(of * 10) - 1]


class Load:
    """Calls of one shape to one server."""

    def __init__(self, server, shape, body: Path, core: int, calls: Path | None):
        """`calls`: our generator, for shapes that are sent as clients send them."""
        self.generator = ["h2load"]
        if shape.as_clients:
            self.generator = [str(calls), *([] if server.grpc else ["--http"])]
            for header in CLIENT_HEADERS:
                self.generator += ["-H", header]
        self.pid, self.url, self.get = server.process.pid, server.address + server.path(shape), server.get
        self.shape, self.body, self.core, self.headers = shape, body, core, server.headers

    def run(self, calls: int, rate: float | None = None) -> Sample:
        """Makes calls as fast as they are answered, or `rate` a second. Every reply must be whole: a refusal in gRPC has
        status 200 and no DATA, so the count of DATA bytes tells."""
        shape = self.shape
        connections = min(shape.connections, calls)
        command = ["taskset", "-c", str(self.core), *self.generator, "-t", "1", "-n", str(calls),
                   "-c", str(connections), "-m", str(shape.streams)]
        if not self.get:
            command += ["-d", str(self.body), "-H", "content-type: application/grpc", "-H", "te: trailers"]
            for name, value in self.headers.items():
                command += ["-H", f"{name}: {value}"]
        log = self.body.with_suffix(".log")
        if rate:
            log.unlink(missing_ok=True)
            command += [f"--rps={max(1, round(rate / connections))}", f"--log-file={log}"]
        before = cpu_seconds([self.pid])
        done = subprocess.run([*command, self.url], capture_output=True, text=True)
        out = done.stdout
        spent = cpu_seconds([self.pid]) - before
        finished = re.search(r"finished in ([0-9.]+)(s|ms|us), ([0-9.]+) req/s", out)
        data = re.search(r"\((\d+)\) data", out)
        if not finished or f" {calls} succeeded, 0 failed, 0 errored" not in out or not data:
            raise SystemExit(f"{self.generator[0]} {self.url}: not every call succeeded:\n{out}{done.stderr}")
        if int(data[1]) != calls * shape.reply_bytes:
            raise SystemExit(f"{self.url}: {calls} replies of {shape.reply_bytes} bytes were expected, "
                             f"{data[1]} bytes came: some calls failed")
        seconds = float(finished[1]) * {"s": 1, "ms": 1e-3, "us": 1e-6}[finished[2]]
        latencies = [int(line.split("\t")[2]) / 1e6 for line in log.read_text().splitlines()] if rate else []
        return Sample(calls, float(finished[3]), spent / calls, spent / seconds, latencies)

    def calibrated(self, seconds: float) -> int:
        """So many calls take about so long."""
        calls = max(self.shape.connections * self.shape.streams, 8)
        while True:
            sample = self.run(calls)
            if calls / sample.calls_per_second > min(0.2, seconds / 4):
                return max(calls, round(sample.calls_per_second * seconds))
            calls *= 4
