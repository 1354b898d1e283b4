"""Run by tools/try-guides.

A block ```sh is run in bash, all blocks of a guide in one folder and with the variables of those before; ```sh fails
must fail, ```sh stream is stopped after some seconds, ```sh repository is not run. Each line of the ```text block that
follows must occur in what came out.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

from integrator.suite import Sandbox

BLOCK = re.compile(r"^```(sh|text)(?: (fails|stream|repository))?\n(.*?)^```$", re.M | re.S)


def blocks(path):
    """Pairs of a command with its kind, and the lines expected of it."""
    with open(path) as file:
        found = BLOCK.findall(file.read())
    steps = []
    for language, kind, text in found:
        if language == "sh":
            steps.append([kind, text, []])
        elif steps:
            steps[-1][2] = [line for line in text.splitlines() if line.strip()]
    return steps


def main(arguments):
    if len(arguments) < 2 or arguments[0] != "--bin":
        print("usage: tools/try-guides --bin DIR [GUIDE…]", file=sys.stderr)
        return 2
    guides = arguments[2:] or sorted(glob.glob("docs/guides/*.md"))
    tools = os.path.abspath(os.path.dirname(sys.executable))
    failures = tried = 0
    with Sandbox(arguments[1]) as sandbox, tempfile.TemporaryDirectory() as folder:
        define = "".join(text for _, text, _ in blocks("docs/guides/README.md"))
        environment = dict(os.environ) | {
            "PATH": f"{tools}:{sandbox.programs}:{os.environ['PATH']}",
            "TOKEN": sandbox.token("thu-nghiem"),
            "REGISTRY": sandbox.address("registry"),
            "ACTIVITY": sandbox.address("activity-reporting"),
            "FUNDING": sandbox.address("funding-policy"),
            "NOTIFICATION": sandbox.address("notification"),
            "PROTO": os.path.abspath("proto"),
            "SECRETS": sandbox.path("secrets"),
            "COMMUNE": unit(sandbox),
        }
        for guide in guides:
            before = define
            for kind, text, expected in blocks(guide):
                if kind == "repository" or guide.endswith("README.md"):
                    continue
                command = ["timeout", "6", "bash"] if kind == "stream" else ["bash", "-e"]
                done = subprocess.run(
                    [*command, "-c", "set -u\n" + before + text],
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=120,
                )
                # Variables of one block are there in the next; calls are not made again.
                before += "".join(
                    line + "\n"
                    for line in text.splitlines()
                    if re.match(r"[A-Z_]+=(\S*('.*')?|\$\(.*\))$", line) and not line.startswith("TOKEN= ")
                )
                output = done.stdout + done.stderr
                tried += 1
                wrong = [line for line in expected if line not in output]
                ended = kind == "stream" or (done.returncode != 0) == (kind == "fails")
                if wrong or not ended:
                    failures += 1
                    print(
                        f"{guide}: exit {done.returncode}, not shown: {wrong}\n{text}{output[:1500]}\n", file=sys.stderr
                    )
    print(f"{tried} commands of {len(guides)} guides tried, {failures} not as shown")
    return 1 if failures else 0


def unit(sandbox):
    import json

    found = json.loads(sandbox.cdt("units", "resolve", "18073", "-o", "json"))
    return found["unit"]["name"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
