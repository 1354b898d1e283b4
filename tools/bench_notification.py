"""Messages per second of a campaign through the dispatcher to a sink on this machine, the time to its first message, and the
memory of the service: `./dev bench notification [--recipients N] [--senders N]` (default 50,000 people; the country has
457,820). The service is that of the release build, on SQLite; the sink is an SMS gateway that takes everything at once.
"""

import argparse
import asyncio
import importlib
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import grpc
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parent.parent
NATION, PROVINCE = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000042"
ANSWER = b'{"CodeResult":"100","SMSID":"1"}'


class Sink:
    """Reads requests by their length and answers each; counts them."""

    def __init__(self):
        self.count, self.first, self.port = 0, None, None
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self.serve(ready)), daemon=True).start()
        ready.wait()

    async def serve(self, ready):
        server = await asyncio.start_server(self.connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await server.serve_forever()

    async def connection(self, reader, writer):
        reply = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER) + ANSWER
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
                self.first = self.first or time.monotonic()
                self.count += 1
                writer.write(reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def contract(folder):
    """The messages and stubs of Notification, made from proto/."""
    files = [str(path) for path in (ROOT / "proto/cdt").rglob("*.proto")]
    if protoc.main(["", f"-I{ROOT / 'proto'}", f"--python_out={folder}", f"--grpc_python_out={folder}"] + files):
        sys.exit("the contract could not be compiled")
    sys.path.insert(0, str(folder))
    return (importlib.import_module("cdt.notification.v1.service_pb2"),
            importlib.import_module("cdt.notification.v1.service_pb2_grpc"))


def identity(kind, number):
    return f"00000000-0000-7000-8000-{kind:x}{number:011x}"


def seed(path, recipients):
    """Teams of five in one province, as the Registry's feed would have told of them."""
    database = sqlite3.connect(path)
    with database:
        for unit, level, name in [(NATION, 1, "Việt Nam"), (PROVINCE, 2, "Tỉnh Hà Tĩnh")]:
            database.execute("INSERT INTO known_unit VALUES (?, ?, ?, '0001-01-01', '9999-12-31')", (unit, level, name))
        database.execute(
            "INSERT INTO known_unit_placement VALUES (?, '0001-01-01', '9999-12-31', ?)", (PROVINCE, NATION))
        teams = range((recipients + 4) // 5)
        database.executemany(
            "INSERT INTO known_team VALUES (?, 2, ?)", ((identity(7, n), f"Tổ công nghệ số số {n}") for n in teams))
        database.executemany(
            "INSERT INTO known_team_status VALUES (?, '2024-01-01', '9999-12-31', 2)", ((identity(7, n),) for n in teams))
        database.executemany(
            "INSERT INTO known_team_placement VALUES (?, '2024-01-01', '9999-12-31', ?)",
            ((identity(7, n), PROVINCE) for n in teams))
        database.executemany(
            "INSERT INTO known_membership VALUES (?, ?, ?, ?, 1, '2024-01-01', '9999-12-31')",
            ((identity(3, n), identity(7, n // 5), identity(11, n), 1 if n % 5 == 0 else 3) for n in range(recipients)))
        database.executemany(
            "INSERT INTO known_contact VALUES (?, ?, '', ?, '')",
            ((identity(11, n), f"Nguyễn Thị Số {n}", f"09{n:08d}") for n in range(recipients)))
        for number, topic in enumerate(["registry.facts", "registry.contacts", "activity.facts"]):
            database.execute(
                "INSERT INTO feed_consumers (id, name, topic, cursor, is_restarting) VALUES (?, ?, ?, '', 0)",
                (number, topic, topic))
    database.close()


def memory(pid, field):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(field))


def start(folder, *more):
    program = subprocess.run(
        ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip() + "/notification"
    port = 20_000 + os.getpid() % 10_000
    process = subprocess.Popen(
        [program, "--data", folder, "--listen", f"127.0.0.1:{port}", "--admin-listen", "127.0.0.1:0", "--log-level", "error",
         "--peer", "registry=127.0.0.1:1", "--peer", "activity=127.0.0.1:1", *more])
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    grpc.channel_ready_future(channel).result(timeout=60)
    return process, channel


def stop(process):
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)


def main():
    parser = argparse.ArgumentParser(prog="./dev bench notification", description=__doc__)
    parser.add_argument("--recipients", type=int, default=50_000)
    parser.add_argument("--senders", type=int, default=16)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pb2, stubs = contract(folder)
        sink = Sink()
        profile = {
            "name": "sink", "url": f"http://127.0.0.1:{sink.port}/", "json": {"to": "{{phone}}", "text": "{{text}}"},
            "reply": {"code": "CodeResult", "message_id": "SMSID", "codes": {"100": "accepted"}},
            "rate_per_second": 10_000, "quiet_hours": "none", "cost": {"gsm7": 350, "ucs2": 350}}
        pathlib.Path(folder, "sms.json").write_text(json.dumps(profile), encoding="utf-8")
        process, channel = start(folder)
        channel.close()
        stop(process)
        seed(f"{folder}/notification.db", arguments.recipients)
        process, channel = start(
            folder, "--sms-profile", f"{folder}/sms.json", "--senders", str(arguments.senders))
        try:
            measure(pb2, stubs.NotificationServiceStub(channel), process, sink, arguments.recipients)
        finally:
            stop(process)


def measure(pb2, client, process, sink, recipients):
    template = pb2.CreateTemplateRequest(request_id=str(uuid.uuid4()))
    template.template.name, template.template.display_name = "templates/bench", "Bench"
    template.template.parameters.add(name="recipient_name", type=1)
    template.template.contents.add(language=1).sms.text = "Chào {{recipient_name}}: mời họp tổ tối nay."
    client.CreateTemplate(template)
    create = pb2.CreateCampaignRequest(request_id=str(uuid.uuid4()))
    create.campaign.display_name, create.campaign.template = "Bench", "templates/bench"
    create.campaign.audience.unit = f"units/{PROVINCE}"
    create.campaign.channels.append(3)
    idle = memory(process.pid, "VmRSS")
    begun = time.monotonic()
    plan = client.PlanCampaign(pb2.PlanCampaignRequest(campaign=create.campaign), timeout=600).plan
    planned = time.monotonic() - begun
    campaign = client.CreateCampaign(create).campaign
    begun = time.monotonic()
    client.LaunchCampaign(pb2.LaunchCampaignRequest(request_id=str(uuid.uuid4()), name=campaign.name))
    while sink.count < recipients:
        time.sleep(0.05)
    sent = time.monotonic()
    while client.GetCampaign(pb2.GetCampaignRequest(name=campaign.name)).progress.state != 5:
        time.sleep(0.5)
    print(f"recipients                    {plan.recipients:>12,}")
    print(f"plan                          {planned:>12.2f} s")
    print(f"launch to first message       {sink.first - begun:>12.2f} s")
    print(f"messages a second, after it   {recipients / (sent - sink.first):>12,.0f}")
    print(f"launch to last message        {sent - begun:>12.2f} s")
    print(f"memory idle, highest          {idle:>7.0f}, {memory(process.pid, 'VmHWM'):.0f} MB")


main()
