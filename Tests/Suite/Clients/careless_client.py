"""A client that breaks every rule of the sandbox that can be broken in one go. Run from the top of the repository."""

import os
import sys

import grpc

sys.path.append("proto")
_, registry = grpc.protos_and_services("cdt/registry/v1/registry_service.proto")
activity_api, activity = grpc.protos_and_services("cdt/activity/v1/activity_reporting_service.proto")
feed_api, feeds = grpc.protos_and_services("cdt/feed/v1/feed.proto")
units_api = grpc.protos("cdt/registry/v1/units.proto")

with open(os.environ["CDT_TOKEN_FILE"]) as file:
    token = [("authorization", f"Bearer {file.read().strip()}")]


def tried(method, request, **options):
    """Goes on whatever comes, without a pause."""
    try:
        return method(request, **options)
    except grpc.RpcError as error:
        return error.code().name


# A connection, no deadline and no token for every call.
for _ in range(30):
    with grpc.insecure_channel(os.environ["CDT_REGISTRY"], [("grpc.use_local_subchannel_pool", 1)]) as channel:
        tried(registry.RegistryServiceStub(channel).ResolveUnitCode,
              units_api.ResolveUnitCodeRequest(code="15", date="2025-06-30"))

reports = activity.ActivityReportingServiceStub(grpc.insecure_channel(os.environ["CDT_ACTIVITY"]))


def open_period(period, request_id):
    return tried(reports.OpenPeriod, activity_api.OpenPeriodRequest(period=period, request_id=request_id),
                 metadata=token, timeout=20)


# No id; under trouble its outcome is not known, and it is made again under another id, which is then used for another
# month.
print("without an id:", open_period("2024-10", ""))
print("under another:", open_period("2024-10", "11111111-1111-4111-8111-111111111111"))
print("another month:", open_period("2024-09", "11111111-1111-4111-8111-111111111111"))
# Wrong, and the same again.
for _ in range(2):
    print("wrong:", open_period("October", "22222222-2222-4222-8222-222222222222"))
# A token of its own.
page = activity_api.ListObligationsRequest(period="2024-10", page_token="made-up")
print("page:", tried(reports.ListObligations, page, metadata=token, timeout=20))
# A feed from the beginning, each time.
feed = feeds.FeedServiceStub(grpc.insecure_channel(os.environ["CDT_REGISTRY"]))
for _ in range(2):
    stream = feed.Follow(feed_api.FollowRequest(topic="registry.facts"), metadata=token)
    print("feed:", tried(lambda each: bool(next(each).cursor), stream))
    stream.cancel()
