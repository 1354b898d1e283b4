"""Calls several processes of one of the suite's services, round-robin, with the official Python client until its standard
input ends: a read, a durable write and a stream, as far as the service has them.

Usage: service_load.py DESCRIPTOR_SET SERVICE [--workers N] HOST:PORT... Prints what load.py prints, without the servers.
"""

import argparse
import json
import uuid

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from loading import channel_to, load
from testing import expect

# Each can be answered by any of the processes, whatever the other ones were told. ID is another UUID in each call.
CALLS = {
    "registry": [
        ("cdt.registry.v1.RegistryService", "ListUnits", {"pageSize": 20}, "units"),
        ("cdt.registry.v1.ProgrammeService", "CreateAgency",
         {"agency": {"kind": "AGENCY_KIND_MINISTRY", "displayName": "ID"}, "requestId": "ID"}, "agency"),
        ("cdt.registry.v1.ImportService", "ExportTeams", {}, None),
    ],
    "activity-reporting": [
        ("cdt.activity.v1.ActivityReportingService", "ListReportingPolicies", {}, None),
        ("cdt.activity.v1.PlatformService", "SetPlatform",
         {"platform": {"code": "drain_test", "displayName": "ID", "kind": "PLATFORM_KIND_CITIZEN_APP"}, "requestId": "ID"},
         "platform"),
        # Of a period that nobody has opened: a verdict, and no report.
        ("cdt.activity.v1.ActivityReportingService", "SubmitReports",
         {"submissions": [{"operationId": "ID", "report": {"team": "teams/t", "person": "people/p", "period": "2024-10"}}]},
         "verdicts"),
    ],
    "funding-policy": [
        ("cdt.funding.v1.FundingPolicyService", "ListPolicies", {}, "policies"),
        ("cdt.funding.v1.LedgerService", "RecordAppropriation",
         {"policy": "policies/binh-duong-27-2023", "year": 2024, "amountDong": 1000, "requestId": "ID",
          "document": {"number": "1/QĐ-UBND", "issuedOn": "2024-01-01"}}, "journal"),
        ("cdt.funding.v1.LedgerService", "VerifyLedger", {}, "intact"),
    ],
    "notification": [
        ("cdt.notification.v1.NotificationService", "ListTemplates", {}, "templates"),
        ("cdt.notification.v1.NotificationService", "SetOptOut",
         {"person": "people/ID", "topic": "reminders", "optedOut": True, "requestId": "ID"}, "opt_out"),
    ],
}

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("descriptors")
arguments.add_argument("service", choices=CALLS)
arguments.add_argument("targets", nargs="+")
arguments.add_argument("--workers", type=int, default=16)
options = arguments.parse_args()

pool = descriptor_pool.DescriptorPool()
with open(options.descriptors, "rb") as file:
    for proto in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
        pool.Add(proto)
channel = channel_to(options.targets)


def call(service, name, request, wanted):
    """A function that makes the call; `wanted` is a field that the last answer must have."""
    method = pool.FindServiceByName(service).FindMethodByName(name)
    Request = message_factory.GetMessageClass(method.input_type)
    kind = "_".join("stream" if streams else "unary" for streams in (method.client_streaming, method.server_streaming))
    stub = getattr(channel, kind)(f"/{service}/{name}", request_serializer=Request.SerializeToString,
                                  response_deserializer=message_factory.GetMessageClass(method.output_type).FromString)

    def make():
        message = json_format.Parse(json.dumps(request).replace("ID", str(uuid.uuid4())), Request())
        answer = stub(iter([message]) if method.client_streaming else message, timeout=60)
        replies = list(answer) if method.server_streaming else [answer]
        if wanted:
            expect(bool(getattr(replies[-1], wanted)), True)

    return make


calls = [call(*row) for row in CALLS[options.service]]
load(lambda turn: calls[turn % len(calls)](), [row[1] for row in CALLS[options.service]], options.workers)
