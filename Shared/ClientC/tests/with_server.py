"""Runs a test program beside a server: with_server.py SERVER… -- PROGRAM…; the program gets the server's address last.

The server prints "listening on HOST:PORT" when it is ready. Its process is ended afterwards.
"""

import subprocess
import sys

split = sys.argv.index("--")
server = subprocess.Popen(sys.argv[1:split], stdout=subprocess.PIPE, text=True)
try:
    for line in server.stdout:
        if line.startswith("listening on "):
            address = line.split()[-1]
            sys.exit(subprocess.run(sys.argv[split + 1 :] + [address], timeout=580).returncode)
    sys.exit("the server ended before it listened")
finally:
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
