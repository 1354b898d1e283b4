"""What was measured, as tables in Markdown."""

import os
import platform
import statistics
import sys
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from .servers import BARE, CPP, FLOOR, GO, GRPC_SWIFT, STACK


@dataclass
class Result:
    """One server under one shape of call."""

    samples: list = field(default_factory=list)
    half: object = None  # a sample at half load

    def median(self, of: str) -> float:
        return statistics.median(getattr(sample, of) for sample in self.samples)


def say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def machine() -> str:
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}, "
            f"{date.today():%d/%m/%Y}; load average before: {os.getloadavg()[0]:.1f}")


def table(header: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for index, row in enumerate([header, ["-" * width for width in widths], *rows]):
        cells = [cell.ljust(width) if column == 0 or index == 0 else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(row, widths))]
        print("| " + " | ".join(cells) + " |")


def ratio(value: float, other: float | None) -> str:
    return f"{value / other:.2f}" if other else "–"


def show_shape(shape, results) -> None:
    def cpu(name):
        return results[name].median("cpu_per_call") if name in results else None

    per = "message" if shape.messages > 1 else "call"
    print(f"\n{shape.title} ({shape.connections} connections × {shape.streams} streams)\n")
    rows = []
    for name, result in results.items():
        spent = result.median("cpu_per_call")
        rows.append([
            name, f"{spent / shape.messages * 1e6:.2f}",
            f"{result.median('calls_per_second') * shape.messages:,.0f}", f"{result.median('busy') * 100:.0f} %",
            f"{result.half.percentile(50) * 1e3:.2f}", f"{result.half.percentile(99) * 1e3:.2f}",
            ratio(spent, cpu(FLOOR)), ratio(spent, cpu(CPP))])
    table(["server", f"CPU µs per {per}", f"{per}s/s", "of its core", "p50 ms at half load", "p99 ms", "× nghttpd",
           "× gRPC C++"], rows)


def show_targets(unary, sent: str) -> None:
    targets = [(BARE, 1.6, FLOOR), (BARE, 1 / 4, CPP), (BARE, 1 / 30, GRPC_SWIFT), (STACK, 1 / 2, CPP),
               (STACK, 2 / 3, GO), (STACK, 1 / 15, GRPC_SWIFT)]
    rows = []
    for name, limit, other in targets:
        if name in unary and other in unary:
            found = unary[name].median("cpu_per_call") / unary[other].median("cpu_per_call")
            rows.append([f"{name} ÷ {other}", f"≤ {limit:.3f}", f"{found:.3f}", "yes" if found <= limit else "no"])
    if rows:
        print(f"\nCPU per unary call against what we want to reach, {sent}\n")
        table(["ratio", "wanted", "measured", "reached"], rows)


def show(machine: str, options, shapes, results, memory, missing) -> None:
    print(f"\nMeasured on {machine}. One core for each server, the other for what calls it; median of {options.rounds} "
          f"rounds of {options.seconds:g} s.")
    for shape in shapes:
        if results.get(shape.key):
            show_shape(shape, results[shape.key])
    if memory:
        print(f"\nMemory per idle connection ({options.idle:,} connections)\n")
        table(["server", "KiB"], [[name, f"{spent / 1024:.1f}"] for name, spent in memory.items()])
    show_targets(results.get("unary", {}), "headers as gRPC C++ sends them")
    show_targets(results.get("h2load", {}), "by h2load")
    for name, reason in missing.items():
        print(f"\nNot measured: {name}: {reason}")
