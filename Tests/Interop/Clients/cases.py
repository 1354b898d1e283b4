"""Calls a grpc.testing.TestService with the official Python client: the cases of doc/interop-test-descriptions.md.

Prints `ok CASE`, `skipped CASE: why` or `failed CASE: why`; ends with 1 when a case has failed.
"""

import concurrent.futures
import sys
import threading
import time

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from testing import (REQUEST_SIZES, RESPONSE_SIZES, SPECIAL, TEST_NAME, Messages, ServerLog, Skipped, arguments, choose,
                     expect, report)

options = arguments(__doc__)

LIMIT = 60  # seconds for a call that must succeed
messages = Messages(options.descriptors)
server = ServerLog(options.server_log)
Empty, BoolValue, EchoStatus = messages.Empty, messages.BoolValue, messages.EchoStatus
SimpleRequest, SimpleResponse = messages.SimpleRequest, messages.SimpleResponse
OutputRequest, OutputResponse = messages.OutputRequest, messages.OutputResponse
InputRequest, InputResponse = messages.InputRequest, messages.InputResponse
Parameters, payload = messages.ResponseParameters, messages.payload
large_request, output_request = messages.large_request, messages.output_request


def connect(name=TEST_NAME):
    """A channel with a connection of its own."""
    settings = [("grpc.max_metadata_size", 128 * 1024), ("grpc.absolute_max_metadata_size", 128 * 1024),
                ("grpc.use_local_subchannel_pool", 1)]
    address = f"127.0.0.1:{options.port}"
    if options.authorities is None:
        return grpc.insecure_channel(address, settings)
    with open(options.authorities, "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    return grpc.secure_channel(address, credentials, settings + [("grpc.ssl_target_name_override", name)])


channel = connect()


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


def sizes(responses):
    return [len(response.payload.body) for response in responses]


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
    expect(unary_call(large_request(), timeout=LIMIT).payload.body, bytes(314159))


def client_compressed_unary():
    """A server that sees the flag refuses what is not compressed although it says so."""
    probe = large_request(expect_compressed=BoolValue(value=True))
    fails(lambda: unary_call(probe, timeout=LIMIT), grpc.StatusCode.INVALID_ARGUMENT)
    for compression, flag in ((grpc.Compression.Gzip, True), (grpc.Compression.NoCompression, False)):
        request = large_request(expect_compressed=BoolValue(value=flag))
        expect(len(unary_call(request, timeout=LIMIT, compression=compression).payload.body), 314159)


def server_compressed_unary():
    for compressed in (True, False):
        request = large_request(response_compressed=BoolValue(value=compressed))
        expect(unary_call(request, timeout=LIMIT).payload.body, bytes(314159))


def client_streaming():
    requests = (InputRequest(payload=payload(size)) for size in REQUEST_SIZES)
    expect(input_call(requests, timeout=LIMIT).aggregated_payload_size, 74922)


def client_compressed_streaming():
    def requests(compressed):
        flag = BoolValue(value=compressed)
        return iter([InputRequest(payload=payload(size), expect_compressed=flag) for size in (27182, 45904)])

    fails(lambda: input_call(requests(True), timeout=LIMIT), grpc.StatusCode.INVALID_ARGUMENT)
    for compression, flag in ((grpc.Compression.Gzip, True), (grpc.Compression.NoCompression, False)):
        response = input_call(requests(flag), timeout=LIMIT, compression=compression)
        expect(response.aggregated_payload_size, 73086)


def server_streaming():
    expect(sizes(output_call(output_request(*RESPONSE_SIZES), timeout=LIMIT)), RESPONSE_SIZES)


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
        requests.send(output_request(response_size, request_size=request_size))
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
    response, call = unary_call.with_call(large_request(), timeout=LIMIT, metadata=METADATA)
    expect(len(response.payload.body), 314159)
    check_metadata(call)
    call = duplex_call(iter([output_request(314159, request_size=271828)]), timeout=LIMIT, metadata=METADATA)
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
    request = SimpleRequest(response_status=EchoStatus(code=2, message=SPECIAL))
    expect(fails(lambda: unary_call(request, timeout=LIMIT), grpc.StatusCode.UNKNOWN).details(), SPECIAL)


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
    server.wait("begun StreamingInputCall")
    call.cancel()
    expect(call.code(), grpc.StatusCode.CANCELLED)
    requests.finish()
    server.wait("cancelled StreamingInputCall")


def cancel_after_first_response():
    requests = Requests()
    call = duplex_call(requests)
    requests.send(output_request(31415, request_size=27182))
    expect(len(next(call).payload.body), 31415)
    call.cancel()
    fails(lambda: next(call), grpc.StatusCode.CANCELLED)
    requests.finish()
    server.wait("cancelled FullDuplexCall")


def timeout_on_sleeping_server():
    requests = Requests()
    requests.send(OutputRequest(payload=payload(27182)))
    fails(lambda: next(duplex_call(requests, timeout=0.001)), grpc.StatusCode.DEADLINE_EXCEEDED)
    requests.finish()
    # Long enough for the call to reach the server, which then ends it.
    request = output_request(1, interval=20_000_000)
    fails(lambda: next(output_call(request, timeout=2)), grpc.StatusCode.DEADLINE_EXCEEDED)
    server.wait("cancelled StreamingOutputCall")


def deadline_reaches_server():
    """The server's side is asserted by who runs this."""
    unary_call(SimpleRequest(), timeout=1000)


def message_too_large():
    """The server's limit is 4 MiB."""
    request = SimpleRequest(payload=payload(4 * 1024 * 1024))
    fails(lambda: unary_call(request, timeout=LIMIT), grpc.StatusCode.RESOURCE_EXHAUSTED)


def slow_reader():
    """A reply of many times the flow control window, read slowly, arrives whole; other calls go on meanwhile."""
    request = output_request(*[300_000] * 20)
    total = 0
    for index, response in enumerate(output_call(request, timeout=LIMIT)):
        if index < 5:
            time.sleep(0.02)
            empty_call(Empty(), timeout=LIMIT)
        total += len(response.payload.body)
    expect(total, 6_000_000)


def slow_server():
    """While the handler sleeps, the client must come to wait: what it has not sent is bounded by the windows."""
    sent = [0]

    def requests():
        yield output_request(9, request_size=100_000, interval=1_000_000)
        for _ in range(60):
            sent[0] += 1
            yield output_request(request_size=100_000)

    call = duplex_call(requests(), timeout=LIMIT)
    expect(len(next(call).payload.body), 9)
    assert sent[0] < 60, "all was sent before the server read"
    expect(list(call), [])


def large_headers():
    """More than a frame holds, so that both sides write CONTINUATION and read it. The server's limit is raised."""
    metadata = [("x-grpc-test-echo-initial", "v" * 20_000), ("x-filler", "f" * 40_000)]
    _, call = empty_call.with_call(Empty(), timeout=LIMIT, metadata=metadata)
    assert metadata[0] in [tuple(item) for item in call.initial_metadata()]


def silent_stream():
    """The client begins a stream and sends nothing; the server responds."""
    requests = Requests()
    call = channel.stream_stream(path("NoSuchCall"), **codec(OutputRequest, OutputResponse))(requests, timeout=LIMIT)
    fails(lambda: next(call), grpc.StatusCode.UNIMPLEMENTED)
    requests.finish()


def many_large_unary(count):
    calls = [unary_call.future(large_request(), timeout=180) for _ in range(count)]
    for call in calls:
        expect(len(call.result().payload.body), 314159)


def concurrent_large_unary():
    many_large_unary(1000)


def concurrent_large_unary_100():
    many_large_unary(100)


def many_streams():
    """More calls at once than the server allows on a connection; the client queues them."""
    with concurrent.futures.ThreadPoolExecutor(600) as threads:
        request = output_request(1, interval=50_000)
        for reply in [threads.submit(lambda: sizes(output_call(request, timeout=LIMIT))) for _ in range(600)]:
            expect(reply.result(), [1])


def many_timeouts():
    """Thousands of calls at once, half of which run out of time."""
    # Connects first: of more calls than the server allows at once, grpcio 1.85 now and then never ends some whose time
    # runs out while it connects.
    empty_call(Empty(), timeout=LIMIT)
    sleeping = output_request(1, interval=60_000_000)
    calls = []
    for index in range(2000):
        if index % 2:
            calls.append((empty_call.future(Empty(), timeout=LIMIT), grpc.StatusCode.OK))
        else:
            calls.append((output_call(sleeping, timeout=index / 1000), grpc.StatusCode.DEADLINE_EXCEEDED))
    for call, code in calls:
        expect(call.code(), code)


def rpc_soak():
    for _ in range(options.soak_calls):
        large_unary()


def channel_soak():
    for _ in range(max(1, options.soak_calls // 10)):
        with connect() as own:
            call = own.unary_unary(path("UnaryCall"), **codec(SimpleRequest, SimpleResponse))
            expect(len(call(large_request(), timeout=LIMIT).payload.body), 314159)


def tls_wrong_name():
    """No call gets through to a server whose certificate names another."""
    if options.authorities is None:
        raise Skipped("there is no TLS")
    with connect("elsewhere.example") as own:
        call = own.unary_unary(path("EmptyCall"), **codec(Empty, Empty))
        fails(lambda: call(Empty(), timeout=LIMIT), grpc.StatusCode.UNAVAILABLE)


QUICK = [
    empty_unary, large_unary, client_compressed_unary, server_compressed_unary, client_streaming,
    client_compressed_streaming, server_streaming, server_compressed_streaming, ping_pong, half_duplex, empty_stream,
    custom_metadata, binary_metadata, large_headers, status_code_and_message, every_status_code, special_status_message,
    rich_error, error_after_responses, unimplemented_method, unimplemented_service, silent_stream, cancel_after_begin,
    cancel_after_first_response, timeout_on_sleeping_server, message_too_large, slow_reader, slow_server,
    concurrent_large_unary_100, many_streams, tls_wrong_name, deadline_reaches_server,
]
LONG = [concurrent_large_unary, many_timeouts, rpc_soak, channel_soak]

if options.list:
    print("\n".join(case.__name__ for case in QUICK + LONG))
    sys.exit()
if not options.cases:
    options.cases = [case.__name__ for case in QUICK]
chosen = choose({case.__name__: case for case in QUICK + LONG}, options.cases)
passed = [report(name, case, server) for name, case in chosen.items()]
channel.close()
sys.exit(0 if all(passed) else 1)
