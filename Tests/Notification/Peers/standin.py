"""What the stand-ins for messaging providers share: an HTTP server that takes JSON and forms, keeps what it took, can fall
silent after it has taken a message, calls back later with signed events, and ends with SIGTERM or with its parent.

Every message that counts is printed as one line of JSON, and GET /_report gives all of them, GET /_count their number: a test's view of the world.
"""

import http.server
import json
import os
import sys
import threading
import time
import urllib.parse
import urllib.request


def say(**line):
    # In one piece, as several requests are answered at once.
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


class Silence(Exception):
    """The message was taken, and no answer goes out: the caller runs into its time limit."""


class Broken(Exception):
    """The message was taken, and what goes out is HTTP 500 without a body that could be read."""


class StandIn:
    """One provider. `handle` gives (status, answer) for a request, or raises Silence or Broken."""

    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.taken = []
        self.duplicates = 0
        self.calls = 0
        self.seen = {}
        self.stopping = threading.Event()

    def handle(self, method, path, query, headers, body):
        raise NotImplementedError

    def ending(self, to):
        """The last two digits of a number, which decide what becomes of a message; with `endings`, only these do."""
        ending = to[-2:]
        return ending if ending in self.options.get("endings", [ending]) else ""

    def take(self, key, **message):
        """Counts a message. With `deduplicate`, one whose id was had before counts once."""
        with self.lock:
            if key and self.options.get("deduplicate") and key in self.seen:
                self.duplicates += 1
                return self.seen[key], True
            number = str(9_000_000_000_000_000_000 + len(self.taken) + 1)
            self.taken.append({**message, "key": key, "id": number})
            if key:
                self.seen[key] = number
        if not self.options.get("quiet"):
            say(event="message", key=key, id=number, **message)
        return number, False

    def report(self):
        with self.lock:
            return {"messages": list(self.taken), "duplicates": self.duplicates, "calls": self.calls}

    def call_back(self, url, body, headers, after):
        """Later, and again until it is taken, as providers do."""

        def run():
            time.sleep(after)
            for pause in (0.1, 0.2, 0.5, 1, 2, *[5] * 60):
                request = urllib.request.Request(url, data=body, headers=headers, method="POST")
                try:
                    with urllib.request.urlopen(request, timeout=10) as answer:
                        if answer.status == 200:
                            return
                except OSError:
                    pass
                if self.stopping.wait(pause):
                    return

        threading.Thread(target=run, daemon=True).start()


def serve(standin):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Without waiting for the caller's acknowledgement between header and body.
        disable_nagle_algorithm = True

        def answer(self, status, body, content_type="application/json"):
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def run(self, method):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            url = urllib.parse.urlsplit(self.path)
            if url.path == "/_report":
                return self.answer(200, json.dumps(standin.report()).encode())
            if url.path == "/_count":
                return self.answer(200, str(len(standin.taken)).encode())
            with standin.lock:
                standin.calls += 1
            try:
                status, reply = standin.handle(
                    method, url.path, urllib.parse.parse_qs(url.query), self.headers, body)
            except Silence:
                standin.stopping.wait(standin.options.get("silence", 30))
                self.close_connection = True
                return None
            except Broken:
                return self.answer(500, b"<html>bad gateway</html>", "text/html")
            return self.answer(status, json.dumps(reply).encode())

        def do_POST(self):
            self.run("POST")

        def do_GET(self):
            self.run("GET")

        def log_message(self, *args):
            pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    server = Server(("127.0.0.1", standin.options.get("port", 0)), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say(port=server.server_port)
    # Until SIGTERM, or until whoever started us is gone.
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
