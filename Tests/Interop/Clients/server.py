"""A grpc.testing.TestService on the official Python server, for our client to call.

Usage: server.py DESCRIPTOR_SET [PORT]. Prints `port N` when it listens, `begun METHOD` when a streaming call has come,
and `ended METHOD` when such a call has ended before the handler did.
"""

import concurrent.futures
import signal
import sys
import threading
import time

import grpc
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

pool = descriptor_pool.DescriptorPool()
with open(sys.argv[1], "rb") as file:
    for proto in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
        pool.Add(proto)


def message(name):
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("grpc.testing." + name))


Empty, Payload = message("Empty"), message("Payload")
SimpleRequest, SimpleResponse = message("SimpleRequest"), message("SimpleResponse")
OutputRequest, OutputResponse = message("StreamingOutputCallRequest"), message("StreamingOutputCallResponse")
InputRequest, InputResponse = message("StreamingInputCallRequest"), message("StreamingInputCallResponse")
CODES = {code.value[0]: code for code in grpc.StatusCode}
attempts = {}


def payload(size):
    return Payload(body=bytes(size))


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
    if request.HasField("response_status"):
        refuse(request.response_status, context)
    if request.response_compressed.value:
        context.set_compression(grpc.Compression.Gzip)
    echo_metadata(context)
    return SimpleResponse(payload=payload(request.response_size), username=f"{context.time_remaining()}")


def watch(context, method):
    print(f"begun {method}", flush=True)
    if not context.add_callback(lambda: print(f"ended {method}", flush=True)):
        print(f"ended {method}", flush=True)  # before we looked


def answer(request, context):
    if request.HasField("response_status"):
        refuse(request.response_status, context)
    for parameters in request.response_parameters:
        time.sleep(parameters.interval_us / 1e6)
        yield OutputResponse(payload=payload(parameters.size))


def streaming_output_call(request, context):
    watch(context, "StreamingOutputCall")
    echo_metadata(context)
    yield from answer(request, context)


def streaming_input_call(requests, context):
    watch(context, "StreamingInputCall")
    return InputResponse(aggregated_payload_size=sum(len(request.payload.body) for request in requests))


def full_duplex_call(requests, context):
    watch(context, "FullDuplexCall")
    echo_metadata(context)
    for request in requests:
        yield from answer(request, context)


def codec(request, response):
    return dict(request_deserializer=request.FromString, response_serializer=response.SerializeToString)


server = grpc.server(concurrent.futures.ThreadPoolExecutor(32), options=[("grpc.so_reuseport", 0)])
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("grpc.testing.TestService", {
    "EmptyCall": grpc.unary_unary_rpc_method_handler(empty_call, **codec(Empty, Empty)),
    "UnaryCall": grpc.unary_unary_rpc_method_handler(unary_call, **codec(SimpleRequest, SimpleResponse)),
    "StreamingOutputCall": grpc.unary_stream_rpc_method_handler(
        streaming_output_call, **codec(OutputRequest, OutputResponse)),
    "StreamingInputCall": grpc.stream_unary_rpc_method_handler(
        streaming_input_call, **codec(InputRequest, InputResponse)),
    "FullDuplexCall": grpc.stream_stream_rpc_method_handler(
        full_duplex_call, **codec(OutputRequest, OutputResponse)),
})])
stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
port = server.add_insecure_port(f"127.0.0.1:{sys.argv[2] if len(sys.argv) > 2 else 0}")
server.start()
print(f"port {port}", flush=True)
stopped.wait()
server.stop(1).wait()
