"""Health and reflection of a service of the suite, by gRPC's official Python clients.

Usage: conventions.py PORT. Prints `ok NAME` for each case that passes, and `watching` when it waits for the service to
stop; then `NOT_SERVING` is expected of it.
"""

import sys

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

LIMIT = 20
channel = grpc.insecure_channel(f"127.0.0.1:{sys.argv[1]}")
health = health_pb2_grpc.HealthStub(channel)
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3


def expect(actual, wanted):
    assert actual == wanted, f"got {actual!r}, want {wanted!r}"


def check():
    expect(health.Check(health_pb2.HealthCheckRequest(), timeout=LIMIT).status, SERVING)


def check_unknown():
    """Errors of the suite carry an ErrorInfo and a text in Vietnamese."""
    try:
        health.Check(health_pb2.HealthCheckRequest(service="no.such.Service"), timeout=LIMIT)
        raise AssertionError("an unknown service is healthy")
    except grpc.RpcError as error:
        expect(error.code(), grpc.StatusCode.NOT_FOUND)
        details = {detail.TypeName(): detail for detail in rpc_status.from_call(error).details}
    info, text = error_details_pb2.ErrorInfo(), error_details_pb2.LocalizedMessage()
    details["google.rpc.ErrorInfo"].Unpack(info)
    details["google.rpc.LocalizedMessage"].Unpack(text)
    expect(info.reason, "UNKNOWN_SERVICE")
    assert info.domain.endswith(".cdt.vn"), info.domain
    expect(text.locale, "vi")


def list_all():
    statuses = health.List(health_pb2.HealthListRequest(), timeout=LIMIT).statuses
    assert statuses and all(value.status == SERVING for value in statuses.values()), statuses


def watch_unknown():
    """The call goes on: the service may become known."""
    call = health.Watch(health_pb2.HealthCheckRequest(service="no.such.Service"), timeout=LIMIT)
    expect(next(call).status, SERVICE_UNKNOWN)
    call.cancel()


def reflection():
    """The Python client asks by v1alpha; from the answer alone it makes the messages and calls."""
    database = ProtoReflectionDescriptorDatabase(channel)
    services = set(database.get_services())
    for name in ("grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                 "grpc.reflection.v1alpha.ServerReflection"):
        assert name in services, services
    pool = descriptor_pool.DescriptorPool(database)
    for name in services:
        assert pool.FindServiceByName(name).methods, name
    method = pool.FindServiceByName("grpc.health.v1.Health").methods_by_name["Check"]
    request, response = (message_factory.GetMessageClass(t) for t in (method.input_type, method.output_type))
    call = channel.unary_unary("/grpc.health.v1.Health/Check", request_serializer=request.SerializeToString,
                               response_deserializer=response.FromString)
    expect(call(request(), timeout=LIMIT).status, SERVING)
    # The whole contract can be asked for, with its imports.
    team = pool.FindMessageTypeByName("cdt.registry.v1.Team")
    expect(team.fields_by_name["create_time"].message_type.full_name, "google.protobuf.Timestamp")


for case in (check, check_unknown, list_all, watch_unknown, reflection):
    try:
        case()
    except Exception as error:
        print(f"failed {case.__name__}: {type(error).__name__}: {error}", flush=True)
        raise
    print(f"ok {case.__name__}", flush=True)

watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=60)
expect(next(watch).status, SERVING)
print("watching", flush=True)
expect(next(watch).status, NOT_SERVING)
print("NOT_SERVING", flush=True)
