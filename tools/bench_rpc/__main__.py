"""`./dev bench rpc`: our RPC stack beside other implementations of gRPC, and beside nghttpd as the floor.

Every server runs on one core, what calls it on the other. Rounds alternate between the servers, so that other work on the
machine hits all of them; medians are told. CPU time is read from /proc/PID/stat.
"""

import argparse
import statistics
from pathlib import Path

from . import idle, load, messages, report, servers


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench rpc", description="Compare RPC servers on this machine.")
    parser.add_argument("--quick", action="store_true", help="one short round, 1,000 idle connections")
    parser.add_argument("--only", default="", help="measure servers whose name holds this; several: A,B")
    parser.add_argument("--shapes", default="unary,h2load,large,download,upload,idle", help="what to measure")
    parser.add_argument("--rounds", type=int, help="rounds (3; quick: 1)")
    parser.add_argument("--seconds", type=float, help="of load in a round (3; quick: 0.7)")
    parser.add_argument("--idle", type=int, help="idle connections (5,000; quick: 1,000)")
    parser.add_argument("--skip-build", action="store_true", help="take the Swift programs as they are built")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (0.7 if options.quick else 3)
    options.idle = options.idle or (1000 if options.quick else 5000)
    return options


def prepare(options, shapes, generated):
    """The servers that can be measured here, and why the others cannot."""
    found, missing = [], {}
    wanted = [part for part in options.only.split(",") if part]
    servers.certificate()
    for name, make in servers.comparisons(shapes, generated, options.skip_build):
        if wanted and not any(part in name for part in wanted):
            continue
        report.say(f"preparing {name}")
        try:
            found.append(make())
        except servers.Missing as reason:
            missing[name] = str(reason)
    return found, missing


def measure_load(options, shape, found, missing):
    """Server name → samples as fast as it goes, and one at half of that speed."""
    results, loads = {}, {}
    calls = servers.build_calls() if shape.as_clients else None
    body = servers.WORK / f"{shape.key}.request"
    body.write_bytes(shape.body)
    try:
        for server in [server for server in found if server.takes(shape)]:
            try:
                server.start(core=1)
            except servers.Missing as reason:
                missing[server.name] = str(reason)
                continue
            if server.grpc:
                messages.check(server, shape)
            drive = load.Load(server, shape, body, core=0, calls=calls)
            loads[server.name] = (drive, drive.calibrated(options.seconds))
        for round_number in range(options.rounds):
            for name, (drive, calls) in loads.items():
                report.say(f"{shape.title}, round {round_number + 1} of {options.rounds}: {name}")
                results.setdefault(name, report.Result()).samples.append(drive.run(calls))
        for name, (drive, calls) in loads.items():
            report.say(f"{shape.title}, half load: {name}")
            rate = statistics.median(sample.calls_per_second for sample in results[name].samples) / 2
            results[name].half = drive.run(max(round(rate * options.seconds), 20), rate)
    finally:
        for server in found:
            server.stop()
    return results


def measure_idle(options, found, missing):
    """Server name → bytes per idle connection, or why it could not be measured."""
    results = {}
    for server in [server for server in found if server.name not in servers.TWINS]:
        report.say(f"{options.idle} idle connections: {server.name}")
        try:
            server.start(core=1)
            results[server.name] = idle.bytes_per_connection(
                server.port, server.tls, options.idle, lambda: load.resident_bytes(server.process.pid))
        except (servers.Missing, OSError) as reason:
            missing[f"{server.name} (idle)"] = str(reason)
        finally:
            server.stop()
    return results


def main():
    options = arguments()
    generated = (servers.WORK / "python").absolute()
    messages.generate(generated)
    shapes = messages.shapes()
    machine = report.machine()
    found, missing = prepare(options, shapes, generated)
    wanted = options.shapes.split(",")
    results = {shape.key: measure_load(options, shape, found, missing) for shape in shapes if shape.key in wanted}
    memory = measure_idle(options, found, missing) if "idle" in wanted else {}
    report.show(machine, options, shapes, results, memory, missing)


main()
