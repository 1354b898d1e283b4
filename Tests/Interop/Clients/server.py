"""A grpc.testing.TestService on the official Python server, for our client to call.

Usage: server.py DESCRIPTOR_SET [PORT]. Prints `port N` when it listens, `begun METHOD` when a streaming call has come,
and when it is over `ended METHOD`, or `cancelled METHOD` when its client did not take the answer.
"""

import concurrent.futures
import os
import signal
import sys
import threading

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from testing import Messages

messages = Messages(sys.argv[1])
Empty, payload = messages.Empty, messages.payload
SimpleRequest, SimpleResponse = messages.SimpleRequest, messages.SimpleResponse
OutputRequest, OutputResponse = messages.OutputRequest, messages.OutputResponse
InputRequest, InputResponse = messages.InputRequest, messages.InputResponse
CODES = {code.value[0]: code for code in grpc.StatusCode}
attempts = {}


def tell(line):
    """Prints a line at once and whole, whatever other threads print."""
    os.write(1, f"{line}\n".encode())


def echo_metadata(context):
    metadata = context.invocation_metadata()
    context.send_initial_metadata([(k, v) for k, v in metadata if k == "x-grpc-test-echo-initial"])
    context.set_trailing_metadata([(k, v) for k, v in metadata if k == "x-grpc-test-echo-trailing-bin"])


def refuse(status, context):
    if "x-test-details" not in dict(context.invocation_metadata()):
        context.abort(CODES[status.code], status.message)
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason="CAPACITY_EXCEEDED", domain="registry.cdt.vn"))
    context.abort_with_status(
        rpc_status.to_status(status_pb2.Status(code=status.code, message=status.message, details=[detail])))


def fail_first(context):
    """The first attempts of a call fail UNAVAILABLE, as many as `x-test-fail` asks; `x-test-key` names the call."""
    metadata = dict(context.invocation_metadata())
    key = metadata.get("x-test-key")
    if key is None:
        return
    attempts[key] = attempts.get(key, 0) + 1
    if attempts[key] <= int(metadata["x-test-fail"]):
        context.abort(grpc.StatusCode.UNAVAILABLE, f"attempt {attempts[key]} fails")


def empty_call(request, context):
    fail_first(context)
    echo_metadata(context)
    return Empty()


def unary_call(request, context):
    if context.time_remaining() is not None:
        tell(f"deadline {context.time_remaining():.0f}")
    if request.HasField("response_status"):
        refuse(request.response_status, context)
    if request.response_compressed.value:
        context.set_compression(grpc.Compression.Gzip)
    echo_metadata(context)
    return SimpleResponse(payload=payload(request.response_size), username=f"{context.time_remaining()}")


class Watch:
    """Tells of a streaming call, and how it ended."""

    def __init__(self, context, method):
        self.context, self.method, self.over = context, method, threading.Event()
        tell(f"begun {method}")
        if not context.add_callback(self.ended):
            self.ended()  # before we looked

    def ended(self):
        self.over.set()
        # A handler cannot tell: to it, requests that broke off may look like requests that ended. gRPC's core knows.
        cancelled = self.context._state.client == "cancelled"
        tell(f"{'cancelled' if cancelled else 'ended'} {self.method}")


def answer(request, context, watch):
    if request.HasField("response_status"):
        refuse(request.response_status, context)
    for parameters in request.response_parameters:
        if parameters.interval_us and watch.over.wait(parameters.interval_us / 1e6):
            return
        yield OutputResponse(payload=payload(parameters.size))


def streaming_output_call(request, context):
    watch = Watch(context, "StreamingOutputCall")
    echo_metadata(context)
    if any(parameters.compressed.value for parameters in request.response_parameters):
        context.set_compression(grpc.Compression.Gzip)
    yield from answer(request, context, watch)


def streaming_input_call(requests, context):
    Watch(context, "StreamingInputCall")
    size = sum(len(request.payload.body) for request in requests)
    return InputResponse(aggregated_payload_size=size)


def full_duplex_call(requests, context):
    watch = Watch(context, "FullDuplexCall")
    echo_metadata(context)
    for request in requests:
        yield from answer(request, context, watch)


def half_duplex_call(requests, context):
    watch = Watch(context, "HalfDuplexCall")
    echo_metadata(context)
    for request in list(requests):
        yield from answer(request, context, watch)


def codec(request, response):
    return dict(request_deserializer=request.FromString, response_serializer=response.SerializeToString)


# Thousands of calls wait at once in some cases: gRPC's core would cancel some of them at random from 1,000 on.
server = grpc.server(concurrent.futures.ThreadPoolExecutor(64), options=[
    ("grpc.so_reuseport", 0), ("grpc.max_metadata_size", 128 * 1024), ("grpc.absolute_max_metadata_size", 128 * 1024),
    ("grpc.server.max_pending_requests", 10_000), ("grpc.server.max_pending_requests_hard_limit", 20_000)])
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("grpc.testing.TestService", {
    "EmptyCall": grpc.unary_unary_rpc_method_handler(empty_call, **codec(Empty, Empty)),
    "UnaryCall": grpc.unary_unary_rpc_method_handler(unary_call, **codec(SimpleRequest, SimpleResponse)),
    "StreamingOutputCall": grpc.unary_stream_rpc_method_handler(
        streaming_output_call, **codec(OutputRequest, OutputResponse)),
    "StreamingInputCall": grpc.stream_unary_rpc_method_handler(
        streaming_input_call, **codec(InputRequest, InputResponse)),
    "FullDuplexCall": grpc.stream_stream_rpc_method_handler(
        full_duplex_call, **codec(OutputRequest, OutputResponse)),
    "HalfDuplexCall": grpc.stream_stream_rpc_method_handler(
        half_duplex_call, **codec(OutputRequest, OutputResponse)),
})])
stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
port = server.add_insecure_port(f"127.0.0.1:{sys.argv[2] if len(sys.argv) > 2 else 0}")
server.start()
print(f"port {port}", flush=True)
stopped.wait()
server.stop(1).wait()
