"""The examples and a real call, against Registry and ActivityReporting: suite.py PROGRAMS EXAMPLES TEST [CHECKER…].

PROGRAMS holds the suite's programs, EXAMPLES the built examples, TEST is the program of registry.c.
"""

import csv
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

root = pathlib.Path(__file__).parents[3]
sys.path.insert(0, str(root / "tools"))
from processes import free_ports  # noqa: E402

programs, examples = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
test, checker = sys.argv[3], sys.argv[4:]
month, source = "2024-10", "c-examples"
flaky_proxy = root / "Tests/Suite/Clients/flaky_proxy.py"


def run(*command, expect=0):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=500)
    told = f"{command} ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert done.returncode == expect, told
    return done.stdout, done.stderr


def example(name, *arguments, expect=0):
    return run(*checker, examples / name, *arguments, expect=expect)


def until_ready(admin, server):
    for _ in range(1500):
        assert server.poll() is None, "a service ended"
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError("a service was not ready in time")


def events(lines):
    return [line.split()[:3] for line in lines.splitlines()]


def try_examples(registry, activity, folder):
    run(*checker, test, registry)

    # One commune of Hà Tĩnh and its hamlets, as an integrator's file.
    run(programs / "cdt", "generate", folder / "data", "--as-of", "2024-10-01", "--provinces", "42")
    with open(folder / "data/teams.csv", newline="") as file:
        rows = list(csv.reader(file))
    communes = sorted({row[0][:5] for row in rows[1:]})[:40]
    rows = rows[:1] + [row for row in rows[1:] if row[0][:5] in communes]
    wrong = ["wrong-1", "thon", 'Tổ "không, có" thật', "Thôn X", "99999", "42", "2024-01-01", "1", ""]
    with open(folder / "teams.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows + [wrong])

    imported, said = example("import_teams", registry, folder / "teams.csv", source, "2024-10-01")
    names = dict(line.split(",") for line in imported.splitlines()[1:])
    assert set(names) == {row[0] for row in rows[1:]}, f"{len(names)} names for {len(rows) - 1} teams\n{said[-2000:]}"
    assert f"\n{len(rows)} rows: " in said and " 0 unchanged, 1 rejected" in said, said[-2000:]
    assert "wrong-1: " in said
    again, said = example("import_teams", registry, folder / "teams.csv", source, "2024-10-01")
    assert again == imported and " 0 accepted, " in said, said[-2000:]

    # The feed from the beginning, then nothing new, then what has changed since.
    cursor = folder / "cursor"
    first, _ = example("follow_feed", registry, "registry.facts", cursor, "--once")
    assert {name for _, name, _ in events(first)} >= set(names.values())
    assert example("follow_feed", registry, "registry.facts", cursor, "--once")[0] == ""
    new = ["new-1", "thon", "Tổ công nghệ số cộng đồng Thôn Mới", "Thôn Mới", communes[0], "42", "2024-09-01", "1", ""]
    with open(folder / "new.csv", "w", newline="") as file:
        csv.writer(file).writerows([rows[0], new])
    added, _ = example("import_teams", registry, folder / "new.csv", source, "2024-10-01")
    later, _ = example("follow_feed", registry, "registry.facts", cursor, "--once")
    assert added.split(",")[-1].strip() in {name for _, name, _ in events(later)}
    assert len(events(later)) < 5
    _, said = example("follow_feed", registry, "no.topic", folder / "other", "--once", expect=1)
    assert "UNKNOWN_TOPIC" in said, said

    # Half of a month's reports; then all of them, through a proxy that refuses calls and lets one of them happen and says
    # otherwise: what was stored meanwhile comes back as DUPLICATE.
    os.environ.update(CDT_REGISTRY=registry, CDT_ACTIVITY=activity)
    run(programs / "cdt", "report", "open", month, "--wait")
    hamlets = [row[0] for row in rows[1:] if row[1] == "thon" and row[6] < "2024-10-01"]
    titles = ["team", "online_public_services", "online_shopping", "online_payment", "self_protection", "narrative"]
    reports = [[names[team], 3, 0, 5, 1, f"Hướng dẫn bà con, {team}"] for team in hamlets]
    half = len(reports) // 2
    for file_name, rows in (("half.csv", reports[:half]), ("reports.csv", reports)):
        with open(folder / file_name, "w", newline="") as file:
            csv.writer(file).writerows([titles] + rows)
    said, _ = example("submit_reports", activity, folder / "half.csv", source, month)
    assert said.startswith(f"{half} reports: {half} applied, 0 duplicate, 0 in conflict"), said
    with subprocess.Popen([sys.executable, flaky_proxy, activity], stdout=subprocess.PIPE, text=True) as proxy:
        try:
            address = proxy.stdout.readline().split()[-1]
            said, _ = example("submit_reports", address, folder / "reports.csv", source, month)
            assert said.startswith(f"{len(reports)} reports: 0 applied, {len(reports)} duplicate, 0 in conflict"), said
        finally:
            proxy.kill()
        assert "UNAVAILABLE after the fact" in proxy.stdout.read()
    print(f"{len(names)} teams, {len(events(first))} events, {len(reports)} reports")


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    ports = free_ports(4)
    registry, activity = (f"127.0.0.1:{port}" for port in ports[:2])
    servers = []
    try:
        peer = ["--peer", f"registry={registry}"]
        for program, address, admin, more in (("registry", registry, ports[2], []),
                                              ("activity-reporting", activity, ports[3], peer)):
            log = open(folder / f"{program}.log", "w")
            servers.append(subprocess.Popen(
                [programs / program, "--listen", address, "--admin-listen", f"127.0.0.1:{admin}", "--data",
                 folder / program, "--grace", "2", *more], stdout=log, stderr=log))
            until_ready(admin, servers[-1])
        try_examples(registry, activity, folder)
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
