"""A stand-in for Zalo: tokens that rotate with single-use refresh tokens, templates by phone and by user id, customer-care
texts, group messages, quotas, night rules, error codes with HTTP 200, signed callbacks.

Options, as JSON in the first argument:
  app_id, app_secret, oa_secret, refresh_token   as an operator would have got them
  daily_quota          messages by template a day (default 5000)
  deduplicate          a template by phone whose tracking id was had before counts once
  expires_in           seconds an access token is said to live (default 90000)
  rotate_after         the access token stops working after so many messages, once
  refresh_delay        seconds that a refresh takes
  refuse_refresh       refresh tokens are refused
  time                 "HH:MM": what the clock says for the night rules; unset: always day
  delay                seconds that each message takes
  callback_url         where events go, signed, `callback_delay` seconds later (default 0.05)
  silence              seconds of silence after a message that is taken without an answer (default 30)
  quiet                messages are not printed
  endings              of those below only these hold (default all)
  no_account           more endings of those who have no Zalo account

The last two digits of a phone number or user id decide what becomes of a message:
  91 no Zalo account · 92 taken, then silence · 93 taken, then HTTP 500 · 94 refused twice as "try later" ·
  95 a code that nobody knows · 96 the template's data are refused · 97 not delivered after all (no receipt)
"""

import hashlib
import hmac
import json
import sys
import threading
import time
import urllib.parse

from standin import Broken, Silence, StandIn, say, serve


class Zalo(StandIn):
    def __init__(self, options):
        super().__init__(options)
        self.refresh_token = options["refresh_token"]
        self.access_token = None
        self.refreshes = 0
        self.used = 0
        self.since_rotation = 0
        self.later = {}

    # Tokens

    def refresh(self, headers, body):
        form = dict(urllib.parse.parse_qsl(body.decode()))
        if headers.get("secret_key") != self.options["app_secret"] or form.get("app_id") != self.options["app_id"]:
            return {"error": -14004, "error_name": "Invalid app", "error_description": "app id or secret is wrong"}
        time.sleep(self.options.get("refresh_delay", 0))
        with self.lock:
            if self.options.get("refuse_refresh") or form.get("refresh_token") != self.refresh_token:
                say(event="refused_refresh")
                return {"error": -14014, "error_name": "Invalid refresh token", "error_description": "used or expired"}
            self.refreshes += 1
            self.refresh_token = f"refresh-{self.refreshes}-{hashlib.sha256(self.refresh_token.encode()).hexdigest()[:8]}"
            self.access_token = f"access-{self.refreshes}"
            self.since_rotation = 0
            say(event="refreshed", count=self.refreshes)
            return {"access_token": self.access_token, "refresh_token": self.refresh_token,
                    "expires_in": str(self.options.get("expires_in", 90000))}

    def token_problem(self, headers, expired, bad_proof):
        token = headers.get("access_token") or ""
        with self.lock:
            if not self.access_token or token != self.access_token:
                return {"error": expired, "message": "Access token is invalid or expired"}
            limit = self.options.get("rotate_after")
            if limit is not None and self.since_rotation >= limit and self.refreshes == 1:
                self.access_token = None
                return {"error": expired, "message": "Access token is invalid or expired"}
        proof = hmac.new(self.options["app_secret"].encode(), token.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(headers.get("appsecret_proof") or "", proof):
            return {"error": bad_proof, "message": "appsecret_proof is wrong"}
        return None

    # Messages

    def is_night(self):
        clock = self.options.get("time")
        return clock is not None and not "06:00" <= clock < "22:00"

    def fate(self, to, codes):
        """An answer that refuses the message, or None."""
        kind = self.ending(to)
        if kind == "91" or to.endswith(tuple(self.options.get("no_account", []))):
            return {"error": codes["no_account"], "message": f"{to} has no Zalo account"}
        if kind == "94":
            with self.lock:
                self.later[to] = self.later.get(to, 0) + 1
                if self.later[to] <= 2:
                    return {"error": -100, "message": "Unknown exception, try later"}
        if kind == "95":
            return {"error": -98765, "message": "a code that no table has"}
        if kind == "96":
            return {"error": -1121, "message": "template_data is not valid"}
        return None

    def accept(self, channel, to, key, content, template):
        time.sleep(self.options.get("delay", 0))
        with self.lock:
            quota = self.options.get("daily_quota", 5000)
            known = key and self.options.get("deduplicate") and key in self.seen
            if template and not known:
                if self.used >= quota:
                    return 200, {"error": -144, "message": "OA has used up its daily quota"}
                self.used += 1
            self.since_rotation += 1
            remaining = quota - self.used
        number, duplicate = self.take(key, channel=channel, to=to, content=content)
        if not duplicate and self.ending(to) != "97":
            self.received(number, to, key)
        if self.ending(to) == "92" and not duplicate:
            raise Silence
        if self.ending(to) == "93" and not duplicate:
            raise Broken
        data = {"msg_id" if channel == "phone" else "message_id": number,
                "sent_time": str(int(time.time() * 1000)), "sending_mode": "1"}
        if template:
            data["quota"] = {"dailyQuota": str(quota), "remainingQuota": str(remaining)}
        return 200, {"error": 0, "message": "Success", "data": data}

    def received(self, number, to, key):
        url = self.options.get("callback_url")
        if not url:
            return
        message = {"msg_id": number, "delivery_time": str(int(time.time() * 1000))}
        if key:
            message["tracking_id"] = key
        self.event(url, {"event_name": "user_received_message", "recipient": {"id": to}, "message": message})

    def event(self, url, event):
        timestamp = str(int(time.time() * 1000))
        event = {"app_id": self.options["app_id"], "timestamp": timestamp, **event}
        body = json.dumps(event, separators=(",", ":")).encode()
        signed = self.options["app_id"].encode() + body + timestamp.encode() + self.options["oa_secret"].encode()
        headers = {"content-type": "application/json",
                   "X-ZEvent-Signature": "mac=" + hashlib.sha256(signed).hexdigest()}
        self.call_back(url, body, headers, self.options.get("callback_delay", 0.05))

    def handle(self, method, path, query, headers, body):
        if path == "/v4/oa/access_token":
            return 200, self.refresh(headers, body)
        business = path.startswith("/message/")
        problem = self.token_problem(headers, *((-124, -1241) if business else (-216, -242)))
        if problem:
            return 200, problem
        request = json.loads(body or b"{}")
        if path == "/message/template":
            to = request["phone"]
            if not (to.startswith("84") and len(to) == 11 and to.isdigit()):
                return 200, {"error": -108, "message": "phone number is invalid"}
            if len(request["tracking_id"]) > 48:
                return 200, {"error": -1124, "message": "tracking_id is too long"}
            if self.is_night():
                return 200, {"error": -133, "message": "not at night"}
            refusal = self.fate(to, {"no_account": -118})
            if refusal:
                return 200, refusal
            return self.accept("phone", to, request["tracking_id"], request["template_data"], True)
        if path == "/v3.0/oa/message/template":
            refusal = self.fate(request["user_id"], {"no_account": -213})
            if refusal:
                return 200, refusal
            return self.accept("user", request["user_id"], None, request["template_data"], True)
        if path == "/v3.0/oa/message/cs":
            to = request["recipient"]["user_id"]
            refusal = self.fate(to, {"no_account": -230})
            if refusal:
                return 200, refusal
            return self.accept("text", to, None, request["message"]["text"], False)
        if path == "/v3.0/oa/group/message":
            to = request["recipient"]["group_id"]
            refusal = self.fate(to, {"no_account": -237})
            if refusal:
                return 200, refusal
            return self.accept("group", to, None, request["message"]["text"], False)
        if path == "/message/status":
            known = any(message["id"] == query.get("message_id", [""])[0] for message in self.report()["messages"])
            return 200, {"error": 0, "message": "Success", "data": {"status": 1 if known else -1}}
        return 404, {"error": -404, "message": "no such address"}

    def report(self):
        report = super().report()
        report["refreshes"] = self.refreshes
        return report


serve(Zalo(json.loads(sys.argv[1])))
