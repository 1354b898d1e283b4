"""Run by tools/record-examples."""

import base64
import json
import os
import re
import subprocess
import sys
import time
import uuid

from google.protobuf import json_format
from google.rpc import error_details_pb2

from .calls import record_all
from .contract import Contract
from integrator.suite import Sandbox

PROGRAMS = {
    "cdt.registry.v1": "registry",
    "cdt.activity.v1": "activity-reporting",
    "cdt.funding.v1": "funding-policy",
    "cdt.notification.v1": "notification",
}
FOLDER = "docs/reference/examples"


class Recorder:
    def __init__(self, sandbox, buf, image):
        self.sandbox, self.buf, self.image = sandbox, buf, image
        self.methods = {method.key.split(".")[-1]: method for method in Contract().methods()}
        self.recorded, self.failed, self.count = {}, [], 0
        self.tokens = {}

    def request_id(self):
        """A new one for each request, the same in each recording."""
        self.count += 1
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"example-{self.count}.cdt.example"))

    def call(
        self,
        name,
        request=None,
        *,
        by="nguoi-lap",
        grant="*@vn",
        note="",
        keep=True,
        refused=False,
        messages=None,
        seconds=20,
        replies=3,
        program=None,
        entries=2,
    ):
        """Makes a call, and keeps it as an example.

        `name` is SERVICE/METHOD; `messages` are those of a client's stream.
        """
        method = self.methods[name]
        asked = {method.request}
        requests = messages or [request or {}]
        for one in requests:
            if any(field.name == "request_id" for field in request_fields(self, asked)) and "requestId" not in one:
                one["requestId"] = self.request_id()
        key = (by, grant)
        if key not in self.tokens:
            self.tokens[key] = self.sandbox.token(by, grant)
        address = self.sandbox.address(program or PROGRAMS[method.service.package])
        command = [
            self.buf,
            "curl",
            "--protocol",
            "grpc",
            "--http2-prior-knowledge",
            "--schema",
            self.image,
            "-H",
            f"authorization: Bearer {self.tokens[key]}",
            "-d",
            "@-",
            f"http://{address}/{method.service.name}/{method.name}",
        ]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        ended = True
        try:
            out, errors = process.communicate(
                "\n".join(json.dumps(one, ensure_ascii=False) for one in requests), seconds
            )
        except subprocess.TimeoutExpired:
            # A watch does not end by itself.
            process.terminate()
            out, errors = process.communicate()
            ended = False
        found = list(documents(out))
        if ended and (process.returncode != 0) != refused:
            said = re.search(r'"message": "(.*)"', errors)
            self.failed.append(f"{name}: {said.group(1) if said else errors.strip() or out.strip()[:300]}")
            return {}
        example = {"request": requests[0] if len(requests) == 1 else requests}
        if note:
            example["note"] = note
        if refused:
            example["error"] = readable(json.loads(errors[errors.index("{") :]))
        else:
            cut = []
            example["replies"] = [shortened(reply, cut, entries) for reply in found[:replies]]
            if cut or len(found) > replies:
                example["cut"] = True
            if not example["replies"]:
                self.failed.append(f"{name}: no reply came")
        if keep:
            calls = self.recorded.setdefault(method.service.short, {}).setdefault(method.name, [])
            calls.append(example)
        return found[0] if len(found) == 1 else found if found else {}


def request_fields(recorder, names):
    contract = recorder.__dict__.setdefault("contract", Contract())
    return [field for name in names for field in contract.messages[name].fields]


def documents(text):
    decoder, place = json.JSONDecoder(), 0
    text = text.strip()
    while place < len(text):
        try:
            found, place = decoder.raw_decode(text, place)
        except ValueError:
            return
        yield found
        while place < len(text) and text[place].isspace():
            place += 1


def shortened(value, cut, entries, top=True):
    if isinstance(value, dict):
        return {name: shortened(inner, cut, entries) for name, inner in value.items()}
    if isinstance(value, list):
        if len(value) > entries:
            cut.append(True)
        return [shortened(inner, cut, entries) for inner in value[:entries]]
    return value


def readable(error):
    """The details of an error as JSON instead of base64."""
    details = []
    for detail in error.get("details", []):
        kind = detail["type"].rsplit(".", 1)[-1]
        message = getattr(error_details_pb2, kind)()
        message.ParseFromString(base64.b64decode(detail["value"] + "=="))
        details.append({"@type": detail["type"], **json_format.MessageToDict(message)})
    return {"code": error.get("code"), "message": error.get("message"), "details": details}


def main(arguments):
    if len(arguments) != 2 or arguments[0] != "--bin":
        print("usage: tools/record-examples --bin DIR", file=sys.stderr)
        return 2
    buf = os.path.join(os.path.dirname(sys.executable), "buf")
    begun = time.time()
    with Sandbox(arguments[1]) as sandbox:
        image = sandbox.path("contract.binpb")
        subprocess.run([buf, "build", "proto", "-o", image], check=True)
        recorder = Recorder(sandbox, buf, image)
        record_all(recorder, sandbox)
    os.makedirs(FOLDER, exist_ok=True)
    for service, calls in recorder.recorded.items():
        with open(f"{FOLDER}/{service}.json", "w") as file:
            json.dump(calls, file, ensure_ascii=False, indent=1)
            file.write("\n")
    made = sum(len(calls) for calls in recorder.recorded.values())
    missing = [
        name
        for name, method in recorder.methods.items()
        if method.name not in recorder.recorded.get(method.service.short, {})
    ]
    print(
        f"{made} of {len(recorder.methods)} calls recorded in {time.time() - begun:.0f} s; without an example: "
        f"{', '.join(missing) or 'none'}"
    )
    for line in recorder.failed:
        print(line, file=sys.stderr)
    return 1 if recorder.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
