"""A stand-in for the HTTP gateway of an SMS brandname provider, with the fields and codes of eSMS.

Options, as JSON in the first argument: api_key, secret_key, brandname; deduplicate (a RequestId that was had before is
answered 124 and counts once); delay (seconds that each message takes); callback_url and callback_secret (receipts, signed
with HMAC-SHA256 in the header x-signature, `callback_delay` seconds later); silence; quiet; endings (of those below only
these hold). GET /status?id=… says what became of a message.

The last two digits of a phone number decide what becomes of a message: 91 unknown number · 92 taken, then silence ·
93 taken, then HTTP 500 · 94 refused twice as "try later" · 95 a code that nobody knows · 96 refused template ·
97 taken and never delivered, which the receipt says.
"""

import hashlib
import hmac
import json
import sys
import time
import urllib.parse

from standin import Broken, Silence, StandIn, serve


class Gateway(StandIn):
    def __init__(self, options):
        super().__init__(options)
        self.later = {}

    def handle(self, method, path, query, headers, body):
        if path == "/status":
            if query.get("key") != [self.options["api_key"]]:
                return 200, {"CodeResult": "101"}
            with self.lock:
                known = query["id"][0] in self.seen
            return 200, {"CodeResult": "100", "SendStatus": 5 if known else 0}
        if headers["content-type"].startswith("application/x-www-form-urlencoded"):
            request = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        else:
            request = json.loads(body)
        if request.get("ApiKey") != self.options["api_key"] or request.get("SecretKey") != self.options["secret_key"]:
            return 200, {"CodeResult": "101", "ErrorMessage": "authorize failed"}
        if request.get("Brandname") != self.options["brandname"]:
            return 200, {"CodeResult": "104", "ErrorMessage": "brandname is not active"}
        to, key = request["Phone"], request["RequestId"]
        kind = self.ending(to)
        if not to.isdigit() or kind == "91":
            return 200, {"CodeResult": "108", "ErrorMessage": f"{to} is no phone number"}
        if kind == "94":
            with self.lock:
                self.later[to] = self.later.get(to, 0) + 1
                if self.later[to] <= 2:
                    return 503, {"CodeResult": "", "ErrorMessage": "try later"}
        if kind == "95":
            return 200, {"CodeResult": "777", "ErrorMessage": "a code that no table has"}
        if kind == "96":
            return 200, {"CodeResult": "146", "ErrorMessage": "does not match a registered template"}
        time.sleep(self.options.get("delay", 0))
        number, duplicate = self.take(
            key, to=to, content=request["Content"], unicode=request["IsUnicode"], type=request["SmsType"])
        if duplicate:
            return 200, {"CodeResult": "124", "SMSID": number, "ErrorMessage": "RequestId was had before"}
        self.receipt(number, key, "5" if kind != "97" else "7")
        if kind == "92":
            raise Silence
        if kind == "93":
            raise Broken
        return 200, {"CodeResult": "100", "SMSID": number}

    def receipt(self, number, key, status):
        url = self.options.get("callback_url")
        if not url:
            return
        body = json.dumps({"SMSID": number, "RequestId": key, "SendStatus": status}).encode()
        mac = hmac.new(self.options["callback_secret"].encode(), body, hashlib.sha256).hexdigest()
        self.call_back(
            url, body, {"content-type": "application/json", "x-signature": mac},
            self.options.get("callback_delay", 0.05))


serve(Gateway(json.loads(sys.argv[1])))
