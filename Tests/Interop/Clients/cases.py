"""Calls a grpc.testing.TestService with the official Python client: the cases of doc/interop-test-descriptions.md.

Usage: cases.py PORT DESCRIPTOR_SET. Prints `ok NAME` for each case that passes; the first failure ends it.
"""

import concurrent.futures
import sys
import threading
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.rpc import error_details_pb2
from grpc_status import rpc_status

PORT, DESCRIPTORS = sys.argv[1], sys.argv[2]

pool = descriptor_pool.DescriptorPool()
with open(DESCRIPTORS, "rb") as file:
    for proto in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
        pool.Add(proto)


def message(name):
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("grpc.testing." + name))


Empty, BoolValue, Payload, EchoStatus = (message(n) for n in ("Empty", "BoolValue", "Payload", "EchoStatus"))
SimpleRequest, SimpleResponse = message("SimpleRequest"), message("SimpleResponse")
OutputRequest, OutputResponse = message("StreamingOutputCallRequest"), message("StreamingOutputCallResponse")
InputRequest, InputResponse = message("StreamingInputCallRequest"), message("StreamingInputCallResponse")
Parameters = message("ResponseParameters")

channel = grpc.insecure_channel(f"127.0.0.1:{PORT}")


def path(method, service="TestService"):
    return f"/grpc.testing.{service}/{method}"


def codec(request, response):
    return dict(request_serializer=request.SerializeToString, response_deserializer=response.FromString)


empty_call = channel.unary_unary(path("EmptyCall"), **codec(Empty, Empty))
unary_call = channel.unary_unary(path("UnaryCall"), **codec(SimpleRequest, SimpleResponse))
output_call = channel.unary_stream(path("StreamingOutputCall"), **codec(OutputRequest, OutputResponse))
input_call = channel.stream_unary(path("StreamingInputCall"), **codec(InputRequest, InputResponse))
duplex_call = channel.stream_stream(path("FullDuplexCall"), **codec(OutputRequest, OutputResponse))
half_duplex_call = channel.stream_stream(path("HalfDuplexCall"), **codec(OutputRequest, OutputResponse))

REQUEST_SIZES = [27182, 8, 1828, 45904]
RESPONSE_SIZES = [31415, 9, 2653, 58979]
LIMIT = 20  # seconds for a call that must succeed


def payload(size):
    return Payload(body=bytes(size))


def output_request(response_size, request_size=0, **more):
    return OutputRequest(payload=payload(request_size), response_parameters=[Parameters(size=response_size)], **more)


def sizes(responses):
    return [len(response.payload.body) for response in responses]


def expect(actual, wanted):
    assert actual == wanted, f"got {actual!r}, want {wanted!r}"


def fails(call, code):
    """The error of a call that must fail."""
    try:
        call()
    except grpc.RpcError as error:
        expect(error.code(), code)
        return error
    raise AssertionError(f"succeeded, want {code}")


class Requests:
    """A request stream fed by the test."""

    def __init__(self):
        self.condition, self.items, self.ended = threading.Condition(), [], False

    def send(self, item):
        with self.condition:
            self.items.append(item)
            self.condition.notify()

    def finish(self):
        with self.condition:
            self.ended = True
            self.condition.notify()

    def __iter__(self):
        return self

    def __next__(self):
        with self.condition:
            self.condition.wait_for(lambda: self.items or self.ended)
            if self.items:
                return self.items.pop(0)
        raise StopIteration


def empty_unary():
    expect(empty_call(Empty(), timeout=LIMIT), Empty())


def large_unary():
    response = unary_call(SimpleRequest(response_size=314159, payload=payload(271828)), timeout=LIMIT)
    expect(response.payload.body, bytes(314159))


def client_compressed_unary():
    request = SimpleRequest(response_size=314159, payload=payload(271828))
    for compression in (grpc.Compression.Gzip, grpc.Compression.NoCompression):
        response = unary_call(request, timeout=LIMIT, compression=compression)
        expect(len(response.payload.body), 314159)


def server_compressed_unary():
    for compressed in (True, False):
        request = SimpleRequest(response_size=314159, response_compressed=BoolValue(value=compressed))
        expect(unary_call(request, timeout=LIMIT).payload.body, bytes(314159))


def client_streaming():
    requests = (InputRequest(payload=payload(size)) for size in REQUEST_SIZES)
    expect(input_call(requests, timeout=LIMIT).aggregated_payload_size, 74922)


def client_compressed_streaming():
    requests = (InputRequest(payload=payload(size)) for size in (27182, 45904))
    response = input_call(requests, timeout=LIMIT, compression=grpc.Compression.Gzip)
    expect(response.aggregated_payload_size, 73086)


def server_streaming():
    request = OutputRequest(response_parameters=[Parameters(size=size) for size in RESPONSE_SIZES])
    expect(sizes(output_call(request, timeout=LIMIT)), RESPONSE_SIZES)


def server_compressed_streaming():
    parameters = [
        Parameters(size=31415, compressed=BoolValue(value=True)),
        Parameters(size=92653, compressed=BoolValue(value=False)),
    ]
    expect(sizes(output_call(OutputRequest(response_parameters=parameters), timeout=LIMIT)), [31415, 92653])


def ping_pong():
    requests = Requests()
    call = duplex_call(requests, timeout=LIMIT)
    for request_size, response_size in zip(REQUEST_SIZES, RESPONSE_SIZES):
        requests.send(output_request(response_size, request_size))
        expect(len(next(call).payload.body), response_size)
    requests.finish()
    expect(list(call), [])
    expect(call.code(), grpc.StatusCode.OK)


def half_duplex():
    requests = [output_request(size) for size in RESPONSE_SIZES]
    expect(sizes(half_duplex_call(iter(requests), timeout=LIMIT)), RESPONSE_SIZES)


def empty_stream():
    call = duplex_call(iter([]), timeout=LIMIT)
    expect(list(call), [])
    expect(call.code(), grpc.StatusCode.OK)


METADATA = [("x-grpc-test-echo-initial", "test_initial_metadata_value"),
            ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")]


def check_metadata(call):
    assert METADATA[0] in [tuple(item) for item in call.initial_metadata()], call.initial_metadata()
    assert METADATA[1] in [tuple(item) for item in call.trailing_metadata()], call.trailing_metadata()


def custom_metadata():
    request = SimpleRequest(response_size=314159, payload=payload(271828))
    response, call = unary_call.with_call(request, timeout=LIMIT, metadata=METADATA)
    expect(len(response.payload.body), 314159)
    check_metadata(call)
    call = duplex_call(iter([output_request(314159, 271828)]), timeout=LIMIT, metadata=METADATA)
    expect(sizes(call), [314159])
    check_metadata(call)


def binary_metadata():
    """Several values of one key keep their order; every byte survives."""
    values = [bytes(range(256)), b"", b"\x00", b"a,b"]
    _, call = empty_call.with_call(
        Empty(), timeout=LIMIT, metadata=[("x-grpc-test-echo-trailing-bin", value) for value in values])
    echoed = [value for key, value in call.trailing_metadata() if key == "x-grpc-test-echo-trailing-bin"]
    expect(echoed, values)


def status_code_and_message():
    status = EchoStatus(code=2, message="test status message")
    error = fails(lambda: unary_call(SimpleRequest(response_status=status), timeout=LIMIT), grpc.StatusCode.UNKNOWN)
    expect(error.details(), status.message)
    request = OutputRequest(response_status=status)
    error = fails(lambda: list(duplex_call(iter([request]), timeout=LIMIT)), grpc.StatusCode.UNKNOWN)
    expect(error.details(), status.message)


def every_status_code():
    for code in grpc.StatusCode:
        if code == grpc.StatusCode.OK:
            continue
        status = EchoStatus(code=code.value[0], message=code.name)
        error = fails(lambda: unary_call(SimpleRequest(response_status=status), timeout=LIMIT), code)
        expect(error.details(), code.name)


def special_status_message():
    text = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
    request = SimpleRequest(response_status=EchoStatus(code=2, message=text))
    expect(fails(lambda: unary_call(request, timeout=LIMIT), grpc.StatusCode.UNKNOWN).details(), text)


def rich_error():
    """google.rpc.Status in grpc-status-details-bin, read by the official helper."""
    request = SimpleRequest(response_status=EchoStatus(code=9, message="The team is full."))
    error = fails(lambda: unary_call(request, timeout=LIMIT, metadata=[("x-test-details", "1")]),
                  grpc.StatusCode.FAILED_PRECONDITION)
    status = rpc_status.from_call(error)
    expect((status.code, status.message), (9, "The team is full."))
    info, bad, localized = (error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(),
                            error_details_pb2.LocalizedMessage())
    for detail, into in zip(status.details, (info, bad, localized)):
        assert detail.Unpack(into), detail.type_url
    expect((info.reason, info.domain, dict(info.metadata)), ("CAPACITY_EXCEEDED", "registry.cdt.vn", {"limit": "9"}))
    expect(bad.field_violations[0].field, "team.unit")
    expect((localized.locale, localized.message), ("vi", "Tổ đã đủ 9 thành viên."))


def error_after_responses():
    """What was sent before the error arrives."""
    call = duplex_call(iter([output_request(9), OutputRequest(response_status=EchoStatus(code=15, message="lost"))]),
                       timeout=LIMIT)
    expect(len(next(call).payload.body), 9)
    fails(lambda: next(call), grpc.StatusCode.DATA_LOSS)


def unimplemented_method():
    call = channel.unary_unary(path("UnimplementedCall"), **codec(Empty, Empty))
    fails(lambda: call(Empty(), timeout=LIMIT), grpc.StatusCode.UNIMPLEMENTED)
    call = channel.unary_unary(path("NoSuchCall"), **codec(Empty, Empty))
    fails(lambda: call(Empty(), timeout=LIMIT), grpc.StatusCode.UNIMPLEMENTED)


def unimplemented_service():
    call = channel.unary_unary(path("UnimplementedCall", "UnimplementedService"), **codec(Empty, Empty))
    fails(lambda: call(Empty(), timeout=LIMIT), grpc.StatusCode.UNIMPLEMENTED)


def cancel_after_begin():
    requests = Requests()
    call = input_call.future(requests)
    time.sleep(0.2)  # lets the call reach the server, which the test asserts
    call.cancel()
    expect(call.code(), grpc.StatusCode.CANCELLED)
    requests.finish()


def cancel_after_first_response():
    requests = Requests()
    call = duplex_call(requests)
    requests.send(output_request(31415, 27182))
    expect(len(next(call).payload.body), 31415)
    call.cancel()
    fails(lambda: next(call), grpc.StatusCode.CANCELLED)
    requests.finish()


def timeout_on_sleeping_server():
    requests = Requests()
    requests.send(OutputRequest(payload=payload(27182)))
    fails(lambda: next(duplex_call(requests, timeout=0.001)), grpc.StatusCode.DEADLINE_EXCEEDED)
    # Long enough for the call to reach the server, which then ends it.
    request = OutputRequest(response_parameters=[Parameters(size=1, interval_us=60_000_000)])
    started = time.monotonic()
    fails(lambda: next(output_call(request, timeout=0.3)), grpc.StatusCode.DEADLINE_EXCEEDED)
    assert time.monotonic() - started < 5, "the deadline was late"
    requests.finish()


def deadline_reaches_server():
    unary_call(SimpleRequest(), timeout=7)


def message_too_large():
    """The server's limit is 4 MiB."""
    error = fails(lambda: unary_call(SimpleRequest(payload=payload(4 * 1024 * 1024)), timeout=LIMIT),
                  grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert "4194304" in error.details(), error.details()


def slow_reader():
    """A reply of many times the flow control window, read slowly, arrives whole; other calls go on meanwhile."""
    request = OutputRequest(response_parameters=[Parameters(size=300_000)] * 20)
    total = 0
    for index, response in enumerate(output_call(request, timeout=LIMIT)):
        if index < 5:
            time.sleep(0.02)
            empty_call(Empty(), timeout=LIMIT)
        total += len(response.payload.body)
    expect(total, 6_000_000)


def concurrent_large_unary():
    request = SimpleRequest(response_size=314159, payload=payload(271828))
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        replies = [threads.submit(unary_call, request, timeout=60) for _ in range(100)]
        for reply in replies:
            expect(len(reply.result().payload.body), 314159)


def many_streams():
    """More calls than the server allows at once on a connection; the client queues them."""
    calls = [unary_call.future(SimpleRequest(response_size=1), timeout=LIMIT) for _ in range(1000)]
    for call in calls:
        expect(len(call.result().payload.body), 1)


CASES = [
    empty_unary, large_unary, client_compressed_unary, server_compressed_unary, client_streaming,
    client_compressed_streaming, server_streaming, server_compressed_streaming, ping_pong, half_duplex, empty_stream,
    custom_metadata, binary_metadata, status_code_and_message, every_status_code, special_status_message, rich_error,
    error_after_responses, unimplemented_method, unimplemented_service, cancel_after_begin,
    cancel_after_first_response, timeout_on_sleeping_server, message_too_large, slow_reader, concurrent_large_unary,
    many_streams, deadline_reaches_server,
]

for case in CASES:
    try:
        case()
    except Exception as error:
        print(f"failed {case.__name__}: {type(error).__name__}: {error}", flush=True)
        raise
    print(f"ok {case.__name__}", flush=True)
channel.close()
