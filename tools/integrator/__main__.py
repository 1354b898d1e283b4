"""A sandbox for integrators: the four services with invented data and tokens, and a judge of every call."""

import argparse
import datetime
import os
import signal
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2
from grpc_tools import protoc
import grpc_tools

from processes import free_port

from .proxy import Contract, Proxy, Trouble
from .rules import Judge
from .suite import SERVICES, Sandbox

HELP = """Lines that are understood: report (what was seen of your calls so far), today YYYY-MM-DD (the services on
another day), help, quit."""


def day(text):
    """A day as the services take it; they would end at any other text."""
    try:
        if datetime.date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text} is not a day; write YYYY-MM-DD")


def arguments():
    parser = argparse.ArgumentParser(
        prog="./dev sandbox", description=__doc__, epilog="With COMMAND: runs it with the addresses and the token in "
        "its environment, tells what was seen, and ends with 1 when it failed or a rule was broken.")
    parser.add_argument("--bin", required=True, help="the suite's programs")
    parser.add_argument("--folder", default=".local/sandbox", help="data, tokens and report; gone on with when there")
    parser.add_argument("--base-port", type=int, default=50051, help="of four that follow each other; 0: any")
    parser.add_argument("--today", type=day, metavar="YYYY-MM-DD", help="the day the services are to take for today")
    parser.add_argument("--trouble", action="store_true", help="some calls fail, as they do over the years")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="a client to judge")
    options = parser.parse_args()
    options.command = options.command[1:] if options.command[:1] == ["--"] else options.command
    return options


def contract():
    """The contract's files, those they import before them."""
    files = [os.path.join(folder, name) for folder, _, names in os.walk("proto/cdt") for name in names
             if name.endswith(".proto")]
    with tempfile.TemporaryDirectory() as folder:
        made = os.path.join(folder, "descriptors")
        well_known = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
        options = ["-I", "proto", "-I", well_known, "--include_imports", f"-o{made}"]
        if protoc.main(["protoc", *options, *sorted(files)]):
            raise SystemExit("the contract cannot be read; it is expected in proto/")
        with open(made, "rb") as file:
            return Contract(descriptor_pb2.FileDescriptorSet.FromString(file.read()))


def tell(judge, sandbox):
    lines, is_broken = judge.report()
    print("\n".join(lines), flush=True)
    with open(sandbox.path("report.md"), "w") as file:
        file.write("# What the sandbox saw\n\n" + "\n".join(lines) + "\n")
    return is_broken


def converse(judge, sandbox):
    """Until `quit`, the end of a terminal's input, or Ctrl-C."""
    print(HELP, flush=True)
    for line in sys.stdin:
        words = line.split()
        if words == ["report"]:
            tell(judge, sandbox)
        elif words[:1] == ["today"] and len(words) == 2:
            try:
                sandbox.restart(day(words[1]))
                print(f"the services began at {words[1]}; time goes on from there", flush=True)
            except argparse.ArgumentTypeError as wrong:
                print(wrong, flush=True)
        elif words == ["quit"]:
            return
        elif words:
            print(HELP, flush=True)
    # Without a terminal, for example in a container: until it is stopped.
    while not sys.stdin.isatty():
        signal.pause()


def main():
    options, judge, proxies = arguments(), Judge(), []
    calls = contract()
    os.makedirs(options.folder, exist_ok=True)
    with Sandbox(options.bin, folder=options.folder, today=options.today) as sandbox:
        token = sandbox.path("integrator.token")
        with open(os.open(token, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(sandbox.token("thu-nghiem") + "\n")
        environment = {"CDT_TOKEN_FILE": token}
        try:
            for index, (name, short) in enumerate(SERVICES.items()):
                address = f"127.0.0.1:{options.base_port + index if options.base_port else free_port()}"
                proxies.append(Proxy(address, sandbox.address(name), calls, judge,
                                     Trouble() if options.trouble else None))
                environment[f"CDT_{short.upper()}"] = address
            for name, value in environment.items():
                print(f"export {name}={value}", flush=True)
            print(f"sample data, also to import again: {sandbox.path('sample')}", flush=True)
            if not options.command:
                try:
                    converse(judge, sandbox)
                except KeyboardInterrupt:
                    pass
                tell(judge, sandbox)
                return 0
            status = subprocess.run(options.command, env=os.environ | environment).returncode
            is_broken = tell(judge, sandbox)
            if status:
                print(f"{options.command[0]} ended with {status}", flush=True)
            return 1 if status or is_broken else 0
        finally:
            for proxy in proxies:
                proxy.stop()


# So that what was started is stopped.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
try:
    sys.exit(main())
except KeyboardInterrupt:
    sys.exit(130)
