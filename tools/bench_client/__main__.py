"""./dev bench client: libcdt beside gRPC C++'s client, calling the same server.

The server has one core and each client in turn the other. Rounds alternate between the clients, so that a slow moment
of the machine hits both; medians are told. A client's CPU time is that of its process, all threads.
"""

import argparse
import os
import statistics
import subprocess
from pathlib import Path

import processes
from bench_rpc import report, servers

SOURCES = Path("Tests/Benchmarks/client")
WORK = servers.WORK / "client"
LIBCDT, GRPC = "libcdt", "gRPC C++"


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench client", description="libcdt beside gRPC C++'s client.")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--rounds", type=int, help="rounds (5; quick: 1)")
    parser.add_argument("--seconds", type=float, help="of calls in a round (3; quick: 0.5)")
    parser.add_argument("--at-once", default="1,8,64", help="calls under way at once, on one connection")
    parser.add_argument("--skip-build", action="store_true", help="take the server as it is built")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (0.5 if options.quick else 3)
    return options


def flags(*packages, **environment) -> list[str]:
    done = subprocess.run(["pkg-config", "--cflags", "--libs", *packages], capture_output=True, text=True,
                          env=os.environ | environment)
    if done.returncode:
        raise servers.Missing(done.stderr.strip())
    return done.stdout.split()


def build_libcdt() -> Path:
    """As an outside program has it: installed, found by pkg-config."""
    prefix, program, messages = (WORK / "prefix").absolute(), WORK / "libcdt", WORK / "c"
    options = ["-DCMAKE_BUILD_TYPE=Release", "-DCDT_TESTS=OFF", "-DCMAKE_INSTALL_LIBDIR=lib",
               f"-DCMAKE_INSTALL_PREFIX={prefix}", "-DCMAKE_INSTALL_RPATH=$ORIGIN"]
    build = WORK / "build"
    servers.run([servers.need("cmake", "cmake"), "-S", "Shared/ClientC", "-B", build, *options])
    servers.run(["cmake", "--build", build])
    servers.run(["cmake", "--install", build])
    messages.mkdir(exist_ok=True)
    files = [f"grpc/testing/{name}.proto" for name in ("empty", "messages", "test")]
    servers.run([servers.need("protoc-c", "protobuf-c-compiler"), "-I", "proto", f"--c_out={messages}", *files])
    found = flags("libcdt", PKG_CONFIG_PATH=str(prefix / "lib/pkgconfig"))
    sources = [SOURCES / "libcdt.c", *sorted(messages.glob("grpc/testing/*.c"))]
    servers.run([servers.need("cc", "gcc"), "-O2", "-std=c11", "-D_POSIX_C_SOURCE=200809L", "-I", messages,
                 "-o", program, *sources, *found, f"-Wl,-rpath,{prefix}/lib"])
    return program.absolute()


def build_grpc() -> Path:
    return servers.build_cpp_program(WORK / "grpc", SOURCES / "grpc.cc")


class Client:
    """One of the clients."""

    def __init__(self, name: str, program: Path, address: str):
        self.name, self.command = name, ["taskset", "-c", "0", str(program), address]

    def run(self, calls: int, at_once: int) -> tuple[float, float]:
        """Calls a second, and CPU seconds of the client per call."""
        done = subprocess.run([*self.command, str(calls), str(at_once)], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{self.name}: {done.stderr.strip() or f'ended with {done.returncode}'}")
        seconds, spent = map(float, done.stdout.split())
        return calls / seconds, spent / calls

    def calibrated(self, at_once: int, seconds: float) -> int:
        """So many calls take about so long."""
        calls = 10 * at_once
        while True:
            rate, _ = self.run(calls, at_once)
            if calls / rate > min(0.2, seconds / 4):
                return max(calls, round(rate * seconds))
            calls *= 4


def measure(clients, at_once: int, options) -> dict[str, list]:
    calls = {client.name: client.calibrated(at_once, options.seconds) for client in clients}
    samples = {client.name: [] for client in clients}
    for number in range(options.rounds):
        for client in clients:
            report.say(f"{at_once} at once, round {number + 1} of {options.rounds}: {client.name}")
            samples[client.name].append(client.run(calls[client.name], at_once))
    return samples


def show(at_once: int, samples) -> None:
    found = {name: [statistics.median(values) for values in zip(*runs)] for name, runs in samples.items()}
    rate, spent = found.get(GRPC, (None, None))
    print(f"\n{'One call at a time' if at_once == 1 else f'{at_once} calls at once'}, on one connection\n")
    report.table(
        ["client", "calls/s", "CPU µs per call", "of its core", "calls/s ÷ gRPC C++", "CPU ÷ gRPC C++"],
        [[name, f"{calls:,.0f}", f"{cpu * 1e6:.2f}", f"{calls * cpu * 100:.0f} %", report.ratio(calls, rate),
          report.ratio(cpu, spent)] for name, (calls, cpu) in found.items()])


def main():
    options = arguments()
    WORK.mkdir(parents=True, exist_ok=True)
    machine, programs, missing = report.machine(), {}, {}
    for name, build in ((LIBCDT, build_libcdt), (GRPC, build_grpc)):
        report.say(f"preparing {name}")
        try:
            programs[name] = build()
        except servers.Missing as reason:
            missing[name] = str(reason)
    server, port = servers.build_ours(options.skip_build), processes.free_port()
    process = processes.listening([server, port], port, core=1, stderr=subprocess.DEVNULL)
    clients = [Client(name, program, f"127.0.0.1:{port}") for name, program in programs.items()]
    results = {at_once: measure(clients, at_once, options) for at_once in map(int, options.at_once.split(","))}
    processes.kill(process)
    print(f"\nMeasured on {machine}. Unary calls with a reply of 125 bytes and a deadline; one core for the server, "
          f"the other for the client; median of {options.rounds} rounds of {options.seconds:g} s.")
    for at_once, samples in results.items():
        show(at_once, samples)
    for name, reason in missing.items():
        print(f"\nNot measured: {name}: {reason}")


main()
