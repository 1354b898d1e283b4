"""Calls a grpc.testing.TestService with grpclib, which is Python throughout, on another HTTP/2 stack (h2) than gRPC Core.

Prints `ok CASE`, `skipped CASE: why` or `failed CASE: why`; ends with 1 when a case has failed.
"""

import asyncio
import ssl
import sys

from google.rpc import error_details_pb2
from grpclib import GRPCError, Status
from grpclib.client import (Channel, StreamStreamMethod, StreamUnaryMethod, UnaryStreamMethod, UnaryUnaryMethod)
from grpclib.config import Configuration
from grpclib.encoding.proto import ProtoStatusDetailsCodec

from testing import (REQUEST_SIZES, RESPONSE_SIZES, SPECIAL, TEST_NAME, Messages, ServerLog, Skipped, arguments, choose,
                     expect, report)

options = arguments(__doc__)

LIMIT = 60  # seconds for a call that must succeed
messages = Messages(options.descriptors)
server = ServerLog(options.server_log)
Empty, EchoStatus = messages.Empty, messages.EchoStatus
SimpleRequest, SimpleResponse = messages.SimpleRequest, messages.SimpleResponse
OutputRequest, OutputResponse = messages.OutputRequest, messages.OutputResponse
InputRequest, InputResponse = messages.InputRequest, messages.InputResponse
payload, large_request, output_request = messages.payload, messages.large_request, messages.output_request


def connect(name=TEST_NAME):
    """A channel with a connection of its own."""
    if options.authorities is None:
        return Channel("127.0.0.1", options.port, status_details_codec=ProtoStatusDetailsCodec())
    context = ssl.create_default_context(cafile=options.authorities)
    context.set_alpn_protocols(["h2"])
    return Channel("127.0.0.1", options.port, ssl=context, status_details_codec=ProtoStatusDetailsCodec(),
                   config=Configuration(ssl_target_name_override=name))


class Client:
    """The methods, on one channel."""

    def __init__(self, channel):
        def method(kind, name, request, response, service="TestService"):
            return kind(channel, f"/grpc.testing.{service}/{name}", request, response)

        self.channel = channel
        self.empty = method(UnaryUnaryMethod, "EmptyCall", Empty, Empty)
        self.unary = method(UnaryUnaryMethod, "UnaryCall", SimpleRequest, SimpleResponse)
        self.output = method(UnaryStreamMethod, "StreamingOutputCall", OutputRequest, OutputResponse)
        self.input = method(StreamUnaryMethod, "StreamingInputCall", InputRequest, InputResponse)
        self.duplex = method(StreamStreamMethod, "FullDuplexCall", OutputRequest, OutputResponse)
        self.half_duplex = method(StreamStreamMethod, "HalfDuplexCall", OutputRequest, OutputResponse)
        self.unimplemented = method(UnaryUnaryMethod, "UnimplementedCall", Empty, Empty)
        self.no_such = method(StreamStreamMethod, "NoSuchCall", OutputRequest, OutputResponse)
        self.no_service = method(UnaryUnaryMethod, "UnimplementedCall", Empty, Empty, "UnimplementedService")


def sizes(responses):
    return [len(response.payload.body) for response in responses]


async def fails(call, status):
    """The error of a call that must fail."""
    try:
        await call
    except GRPCError as error:
        expect(error.status, status)
        return error
    raise AssertionError(f"succeeded, want {status}")


async def empty_unary(client):
    expect(await client.empty(Empty(), timeout=LIMIT), Empty())


async def large_unary(client):
    expect((await client.unary(large_request(), timeout=LIMIT)).payload.body, bytes(314159))


async def no_compression(client):
    raise Skipped("grpclib does not compress")


async def client_streaming(client):
    requests = [InputRequest(payload=payload(size)) for size in REQUEST_SIZES]
    expect((await client.input(requests, timeout=LIMIT)).aggregated_payload_size, 74922)


async def server_streaming(client):
    expect(sizes(await client.output(output_request(*RESPONSE_SIZES), timeout=LIMIT)), RESPONSE_SIZES)


async def ping_pong(client):
    async with client.duplex.open(timeout=LIMIT) as call:
        for request_size, response_size in zip(REQUEST_SIZES, RESPONSE_SIZES):
            await call.send_message(output_request(response_size, request_size=request_size))
            expect(len((await call.recv_message()).payload.body), response_size)
        await call.end()
        expect(await call.recv_message(), None)


async def half_duplex(client):
    requests = [output_request(size) for size in RESPONSE_SIZES]
    expect(sizes(await client.half_duplex(requests, timeout=LIMIT)), RESPONSE_SIZES)


async def empty_stream(client):
    async with client.duplex.open(timeout=LIMIT) as call:
        await call.send_request()
        await call.end()
        expect(await call.recv_message(), None)


METADATA = {"x-grpc-test-echo-initial": "test_initial_metadata_value", "x-grpc-test-echo-trailing-bin": b"\xab\xab\xab"}


def check_metadata(call):
    for metadata, (key, value) in zip((call.initial_metadata, call.trailing_metadata), METADATA.items()):
        expect(metadata[key], value)


async def custom_metadata(client):
    async with client.unary.open(timeout=LIMIT, metadata=METADATA) as call:
        await call.send_message(large_request(), end=True)
        expect(len((await call.recv_message()).payload.body), 314159)
        await call.recv_trailing_metadata()
        check_metadata(call)
    async with client.duplex.open(timeout=LIMIT, metadata=METADATA) as call:
        await call.send_message(output_request(314159, request_size=271828), end=True)
        expect(sizes([response async for response in call]), [314159])
        await call.recv_trailing_metadata()
        check_metadata(call)


async def binary_metadata(client):
    values = [bytes(range(256)), b"", b"\x00", b"a,b"]
    metadata = [("x-grpc-test-echo-trailing-bin", value) for value in values]
    async with client.empty.open(timeout=LIMIT, metadata=metadata) as call:
        await call.send_message(Empty(), end=True)
        await call.recv_message()
        await call.recv_trailing_metadata()
        expect(call.trailing_metadata.getall("x-grpc-test-echo-trailing-bin"), values)


async def large_headers(client):
    """More than a frame holds, so that both sides write CONTINUATION and read it. The server's limit is raised."""
    text = "v" * 20_000
    async with client.empty.open(
            timeout=LIMIT, metadata={"x-grpc-test-echo-initial": text, "x-filler": "f" * 40_000}) as call:
        await call.send_message(Empty(), end=True)
        await call.recv_message()
        expect(call.initial_metadata["x-grpc-test-echo-initial"], text)


async def status_code_and_message(client):
    status = EchoStatus(code=2, message="test status message")
    error = await fails(client.unary(SimpleRequest(response_status=status), timeout=LIMIT), Status.UNKNOWN)
    expect(error.message, status.message)
    error = await fails(client.duplex([OutputRequest(response_status=status)], timeout=LIMIT), Status.UNKNOWN)
    expect(error.message, status.message)


async def every_status_code(client):
    for status in Status:
        if status != Status.OK:
            request = SimpleRequest(response_status=EchoStatus(code=status.value, message=status.name))
            expect((await fails(client.unary(request, timeout=LIMIT), status)).message, status.name)


async def special_status_message(client):
    request = SimpleRequest(response_status=EchoStatus(code=2, message=SPECIAL))
    expect((await fails(client.unary(request, timeout=LIMIT), Status.UNKNOWN)).message, SPECIAL)


async def rich_error(client):
    request = SimpleRequest(response_status=EchoStatus(code=9, message="The team is full."))
    error = await fails(client.unary(request, timeout=LIMIT, metadata={"x-test-details": "1"}),
                        Status.FAILED_PRECONDITION)
    expect([type(detail) for detail in error.details],
           [error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.LocalizedMessage])
    expect(error.details[0].reason, "CAPACITY_EXCEEDED")


async def error_after_responses(client):
    received = []

    async def run():
        async with client.duplex.open(timeout=LIMIT) as call:
            await call.send_message(output_request(9))
            received.append(await call.recv_message())
            await call.send_message(OutputRequest(response_status=EchoStatus(code=15, message="lost")))
            await call.recv_message()

    await fails(run(), Status.DATA_LOSS)
    expect(sizes(received), [9])


async def unimplemented_method(client):
    await fails(client.unimplemented(Empty(), timeout=LIMIT), Status.UNIMPLEMENTED)


async def unimplemented_service(client):
    await fails(client.no_service(Empty(), timeout=LIMIT), Status.UNIMPLEMENTED)


async def silent_stream(client):
    """The client begins a stream and sends nothing; the server responds."""
    async def run():
        async with client.no_such.open(timeout=LIMIT) as call:
            await call.send_request()
            await call.recv_message()

    await fails(run(), Status.UNIMPLEMENTED)


async def cancel_after_begin(client):
    async with client.input.open() as call:
        await call.send_request()
        await asyncio.to_thread(server.wait, "begun StreamingInputCall")
        await call.cancel()
    await asyncio.to_thread(server.wait, "cancelled StreamingInputCall")


async def cancel_after_first_response(client):
    async with client.duplex.open() as call:
        await call.send_message(output_request(31415, request_size=27182))
        expect(len((await call.recv_message()).payload.body), 31415)
        await call.cancel()
    await asyncio.to_thread(server.wait, "cancelled FullDuplexCall")


async def times_out(call):
    try:
        await call
    except asyncio.TimeoutError:
        return
    except GRPCError as error:
        expect(error.status, Status.DEADLINE_EXCEEDED)
        return
    raise AssertionError("succeeded, want a time-out")


async def timeout_on_sleeping_server(client):
    await times_out(client.duplex([output_request(1, request_size=27182, interval=20_000_000)], timeout=0.001))
    # Long enough for the call to reach the server, which then ends it.
    await times_out(client.output(output_request(1, interval=20_000_000), timeout=2))
    await asyncio.to_thread(server.wait, "cancelled StreamingOutputCall")


async def message_too_large(client):
    await fails(client.unary(SimpleRequest(payload=payload(4 * 1024 * 1024)), timeout=LIMIT),
                Status.RESOURCE_EXHAUSTED)


async def slow_reader(client):
    """A reply of many times the flow control window, read slowly, arrives whole; other calls go on meanwhile.

    They are not waited for in between: grpclib credits the connection only with what has been read.
    """
    total, others = 0, []
    async with client.output.open(timeout=LIMIT) as call:
        await call.send_message(output_request(*[300_000] * 20), end=True)
        async for response in call:
            if total < 1_500_000:
                await asyncio.sleep(0.02)
                others.append(asyncio.create_task(client.empty(Empty(), timeout=LIMIT)))
            total += len(response.payload.body)
    await asyncio.gather(*others)
    expect(total, 6_000_000)


async def slow_server(client):
    """While the handler sleeps, the client must come to wait: what it has not sent is bounded by the windows."""
    sent = 0
    async with client.duplex.open(timeout=LIMIT) as call:
        await call.send_message(output_request(9, request_size=100_000, interval=1_000_000))

        async def send():
            nonlocal sent
            for _ in range(60):
                await call.send_message(output_request(request_size=100_000))
                sent += 1
            await call.end()

        sending = asyncio.create_task(send())
        expect(len((await call.recv_message()).payload.body), 9)
        assert sent < 60, "all was sent before the server read"
        await sending
        expect(await call.recv_message(), None)


async def many_large_unary(client, count):
    replies = await asyncio.gather(*[client.unary(large_request(), timeout=180) for _ in range(count)])
    expect(sizes(replies), [314159] * count)


async def concurrent_large_unary(client):
    await many_large_unary(client, 1000)


async def concurrent_large_unary_100(client):
    await many_large_unary(client, 100)


async def many_streams(client):
    """More calls at once than the server allows on a connection; the client queues them."""
    request = output_request(1, interval=50_000)
    replies = await asyncio.gather(*[client.output(request, timeout=LIMIT) for _ in range(600)])
    expect([sizes(reply) for reply in replies], [[1]] * 600)


async def many_timeouts(client):
    """Thousands of calls at once, half of which run out of time."""
    sleeping = output_request(1, interval=60_000_000)
    calls = []
    for index in range(2000):
        if index % 2:
            calls.append(client.empty(Empty(), timeout=LIMIT))
        else:
            calls.append(times_out(client.output(sleeping, timeout=max(index, 1) / 1000)))
    await asyncio.gather(*calls)


async def rpc_soak(client):
    for _ in range(options.soak_calls):
        await large_unary(client)


async def channel_soak(client):
    for _ in range(max(1, options.soak_calls // 10)):
        async with connect() as channel:
            await large_unary(Client(channel))


async def tls_wrong_name(client):
    """No call gets through to a server whose certificate names another."""
    if options.authorities is None:
        raise Skipped("there is no TLS")
    async with connect("elsewhere.example") as channel:
        try:
            await Client(channel).empty(Empty(), timeout=LIMIT)
        except ssl.SSLCertVerificationError:
            return
    raise AssertionError("succeeded")


async def deadline_reaches_server(client):
    """The server's side is asserted by who runs this."""
    await client.unary(SimpleRequest(), timeout=1000)


QUICK = {case.__name__: case for case in [
    empty_unary, large_unary, client_streaming, server_streaming, ping_pong, half_duplex, empty_stream, custom_metadata,
    binary_metadata, large_headers, status_code_and_message, every_status_code, special_status_message, rich_error,
    error_after_responses, unimplemented_method, unimplemented_service, silent_stream, cancel_after_begin,
    cancel_after_first_response, timeout_on_sleeping_server, message_too_large, slow_reader, slow_server,
    concurrent_large_unary_100, many_streams, tls_wrong_name, deadline_reaches_server,
]}
for name in ("client_compressed_unary", "server_compressed_unary", "client_compressed_streaming",
             "server_compressed_streaming"):
    QUICK[name] = no_compression
LONG = {case.__name__: case for case in [concurrent_large_unary, many_timeouts, rpc_soak, channel_soak]}


def run(case):
    async def body():
        async with connect() as channel:
            await case(Client(channel))

    asyncio.run(body())


if options.list:
    print("\n".join([*QUICK, *LONG]))
    sys.exit()
chosen = choose(QUICK | LONG, options.cases or list(QUICK))
sys.exit(0 if all([report(name, lambda: run(case), server) for name, case in chosen.items()]) else 1)
