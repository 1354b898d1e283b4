"""A receiver of webhooks that checks signatures as the Standard Webhooks specification says. Ends with SIGTERM or
with its parent.

The first argument is the secret, `whsec_…`. Prints {"port": N}, then one line for each request:
{"path", "valid", "id", "type", "body" (parsed)}. The path decides the answer.
"""

import base64
import email.utils
import hashlib
import hmac
import http.server
import json
import os
import sys
import threading
import time

SECRET = base64.b64decode(sys.argv[1].removeprefix("whsec_"))
ANSWERS = {"/ok": 204, "/busy": 503, "/later": 503, "/moved": 302, "/gone": 410, "/odd": 422, "/slow": 200}


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
        wanted = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
        valid = any(
            hmac.compare_digest(given, f"v1,{wanted}") for given in self.headers["webhook-signature"].split(" "))
        line = json.dumps({
            "path": self.path, "valid": valid, "id": self.headers["webhook-id"], "type": self.headers["content-type"],
            "body": json.loads(body)})
        # In one piece, as several requests are answered at once.
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        if self.path == "/slow":
            time.sleep(5)
        self.send_response(ANSWERS.get(self.path, 404))
        if self.path == "/busy":
            self.send_header("retry-after", "7")
        if self.path == "/later":
            self.send_header("retry-after", email.utils.formatdate(time.time() + 600, usegmt=True))
        if self.path == "/moved":
            self.send_header("location", "/ok")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"port": server.server_port}), flush=True)
# Until SIGTERM, or until whoever started us is gone.
parent = os.getppid()
while os.getppid() == parent:
    time.sleep(1)
