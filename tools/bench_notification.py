"""Messages per second of a campaign through the dispatcher to a sink on this machine, the time to its first message, and the
service's own memory: `./dev bench notification [--recipients N] [--senders N]` (default 50,000 people; the country has
457,820). The service is that of the release build, on SQLite; the sink is an SMS gateway that takes everything at once.

With --plan instead: the plans for the whole country of `cdt generate` over Zalo templates at 5,000 a day: on one account, on an
account of each province, and for one leader of each team on one account; ends with 1 unless they take 92, 6 and 19 days.
"""

import argparse
import asyncio
import csv
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
        note_feeds(database)
    database.close()


def note_feeds(database):
    """As if the feeds had been read to their end."""
    database.executemany(
        "INSERT INTO feed_consumers (id, name, topic, cursor, is_restarting) VALUES (?, ?, ?, '', 0)",
        [(number, topic, topic)
         for number, topic in enumerate(["registry.facts", "registry.contacts", "activity.facts", "funding.facts"])])


def seed_country(path, folder):
    """The country of `cdt generate`, on its provinces, communes and hamlets; gives back the ids of the provinces."""
    def rows(name):
        with open(f"{folder}/{name}", encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)

    database = sqlite3.connect(path)
    units, roles = {"vn": NATION}, {"tổ trưởng": 1, "tổ phó": 2, "thành viên": 3}
    provinces, teams = {}, {}

    def unit(key, level, parent):
        if key not in units:
            units[key] = identity(1, len(units))
            database.execute("INSERT INTO known_unit VALUES (?, ?, ?, '0001-01-01', '9999-12-31')", (units[key], level, key))
            database.execute(
                "INSERT INTO known_unit_placement VALUES (?, '0001-01-01', '9999-12-31', ?)", (units[key], parent))
        return units[key]

    with database:
        database.execute("INSERT INTO known_unit VALUES (?, 1, 'Việt Nam', '0001-01-01', '9999-12-31')", (NATION,))
        for number, row in enumerate(rows("teams.csv")):
            province = provinces[row["province_code"]] = unit("province " + row["province_code"], 2, NATION)
            place = unit("commune " + row["commune_code"], 4, province)
            is_hamlet = row["level"] == "thon"
            if is_hamlet:
                place = unit("hamlet " + row["team_id"], 5, place)
            team = teams[row["team_id"]] = identity(7, number)
            database.execute("INSERT INTO known_team VALUES (?, ?, ?)", (team, 2 if is_hamlet else 1, row["name"]))
            database.execute("INSERT INTO known_team_status VALUES (?, '2022-01-01', '9999-12-31', 2)", (team,))
            database.execute("INSERT INTO known_team_placement VALUES (?, '2022-01-01', '9999-12-31', ?)", (team, place))
        for number, row in enumerate(rows("members.csv")):
            person = identity(11, number)
            database.execute(
                "INSERT INTO known_membership VALUES (?, ?, ?, ?, 1, '2022-01-01', '9999-12-31')",
                (identity(3, number), teams[row["team_id"]], person, roles[row["role"]]))
            database.execute(
                "INSERT INTO known_contact VALUES (?, ?, '', ?, '')", (person, row["full_name"], row["phone"]))
        note_feeds(database)
    database.close()
    return sorted(provinces.values())


class Memory(threading.Thread):
    """The most memory of its own that a process has at once, in MB; pages of the database's file are the system's."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.status, self.running = pathlib.Path(f"/proc/{pid}/status"), True
        self.idle = self.most = self.now()
        self.start()

    def now(self):
        lines = self.status.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))

    def run(self):
        while self.running:
            self.most = max(self.most, self.now())
            time.sleep(0.02)

    def stop(self):
        self.running = False
        self.join()


def program(name, products=None):
    if products is None:
        products = subprocess.run(
            ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
    return f"{products}/{name}"


def start(folder, *more, products=None):
    port = 20_000 + os.getpid() % 10_000
    process = subprocess.Popen(
        [program("notification", products), "--data", folder, "--listen", f"127.0.0.1:{port}", "--admin-listen",
         "127.0.0.1:0", "--log-level", "error", "--peer", "registry=127.0.0.1:1", "--peer", "activity=127.0.0.1:1",
         "--peer", "funding=127.0.0.1:1", *more])
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
    parser.add_argument("--plan", action="store_true", help="the plans for the whole country instead")
    parser.add_argument("--products", help="folder of the programs; default: those of the release build")
    arguments = parser.parse_args()
    if arguments.plan:
        sys.exit(plans(arguments.products))
    with tempfile.TemporaryDirectory() as folder:
        pb2, stubs = contract(folder)
        sink = Sink()
        profile = {
            "name": "sink", "url": f"http://127.0.0.1:{sink.port}/", "json": {"to": "{{phone}}", "text": "{{text}}"},
            "reply": {"code": "CodeResult", "message_id": "SMSID", "codes": {"100": "accepted"}},
            "rate_per_second": 10_000, "quiet_hours": "none", "cost": {"gsm7": 350, "ucs2": 350}}
        pathlib.Path(folder, "sms.json").write_text(json.dumps(profile), encoding="utf-8")
        process, channel = start(folder, products=arguments.products)
        channel.close()
        stop(process)
        seed(f"{folder}/notification.db", arguments.recipients)
        process, channel = start(
            folder, "--sms-profile", f"{folder}/sms.json", "--senders", str(arguments.senders),
            products=arguments.products)
        try:
            measure(pb2, stubs.NotificationServiceStub(channel), process, sink, arguments.recipients)
        finally:
            stop(process)


def plans(products):
    """1 when a plan is not what the data say it must be."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        pb2, stubs = contract(folder)
        subprocess.run([program("cdt", products), "generate", f"{folder}/country"], check=True, stdout=subprocess.DEVNULL)
        for name in ["secret", "token"]:
            pathlib.Path(folder, name).write_text("x" * 32, encoding="utf-8")
        process, channel = start(folder, products=products)
        channel.close()
        stop(process)
        provinces = seed_country(f"{folder}/notification.db", f"{folder}/country")

        def account(name, unit):
            # Nothing is sent: nobody listens there.
            hosts = {key: "http://127.0.0.1:1" for key in ["business_url", "openapi_url", "oauth_url"]}
            return {"name": name, "app_id": "1", "app_secret_file": "secret", "refresh_token_file": "token",
                    "daily_quota": 5000, "channels": ["zalo_phone"], **hosts, **({"unit": f"units/{unit}"} if unit else {})}

        many = [account(f"province-{number}", unit) for number, unit in enumerate(provinces)]
        for title, accounts, role, wanted in [
                ("one account", [account("nation", None)], 0, (457_820, 92, 91.6)),
                (f"{len(many)} accounts", many, 0, (457_820, 6, 2.7)),
                ("leaders, one account", [account("nation", None)], 1, (93_524, 19, 18.7))]:
            pathlib.Path(folder, "accounts.json").write_text(json.dumps({"accounts": accounts}), encoding="utf-8")
            process, channel = start(folder, "--zalo-accounts", f"{folder}/accounts.json", products=products)
            try:
                client = stubs.NotificationServiceStub(channel)
                if title == "one account":
                    zalo_template(pb2, client)
                request = pb2.PlanCampaignRequest()
                request.campaign.display_name, request.campaign.template = "Plan", "templates/plan"
                request.campaign.audience.unit = f"units/{NATION}"
                request.campaign.channels.append(4)
                if role:
                    request.campaign.audience.roles.append(role)
                begun = time.monotonic()
                plan = client.PlanCampaign(request, timeout=600).plan
                took = time.monotonic() - begun
            finally:
                channel.close()
                stop(process)
            found = (plan.recipients, plan.duration_days, round(plan.average_days, 1))
            failed |= found != wanted
            largest = max(part.messages for part in plan.channels)
            print(f"{title:<22} {plan.recipients:>9,} people, {plan.duration_days:>3} days, on average "
                  f"{plan.average_days:.1f}; most on one account {largest:,}; planned in {took:.1f} s"
                  + ("" if found == wanted else f"; wanted {wanted}"), flush=True)
            for proposal in plan.proposals:
                print(f"{'':<22} or {proposal.text}")
    return int(failed)


def zalo_template(pb2, client):
    request = pb2.CreateTemplateRequest(request_id=str(uuid.uuid4()))
    request.template.name, request.template.display_name = "templates/plan", "Plan"
    request.template.parameters.add(name="recipient_name", type=1)
    body = request.template.contents.add(language=1).zalo_template
    body.provider_template = "1"
    body.parameters.add(name="name", text="{{recipient_name}}")
    client.CreateTemplate(request)


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
    memory = Memory(process.pid)
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
    memory.stop()
    print(f"recipients                    {plan.recipients:>12,}")
    print(f"plan                          {planned:>12.2f} s")
    print(f"launch to first message       {sink.first - begun:>12.2f} s")
    print(f"messages a second, after it   {recipients / (sent - sink.first):>12,.0f}")
    print(f"launch to last message        {sent - begun:>12.2f} s")
    print(f"own memory idle, highest      {memory.idle:>7.0f}, {memory.most:.0f} MB")


main()
