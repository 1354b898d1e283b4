"""Calls several servers of grpc.testing.TestService, round-robin, with the official Python client until its standard input
ends.

Usage: load.py DESCRIPTOR_SET [--workers N] HOST:PORT... Prints `using ID...` a few times a second: the servers that have
answered; `failed WHY` for the first failures, and at the end `calls N failed N`. Ends with 1 when a call failed.
"""

import argparse

from loading import channel_to, load
from testing import Messages, expect

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("descriptors")
arguments.add_argument("targets", nargs="+")
arguments.add_argument("--workers", type=int, default=16)
options = arguments.parse_args()
messages = Messages(options.descriptors)

channel = channel_to(options.targets)


def method(kind, name, request, response):
    return getattr(channel, kind)(f"/grpc.testing.TestService/{name}", request_serializer=request.SerializeToString,
                                  response_deserializer=response.FromString)


unary = method("unary_unary", "UnaryCall", messages.SimpleRequest, messages.SimpleResponse)
output = method("unary_stream", "StreamingOutputCall", messages.OutputRequest, messages.OutputResponse)
upload = method("stream_unary", "StreamingInputCall", messages.InputRequest, messages.InputResponse)
duplex = method("stream_stream", "FullDuplexCall", messages.OutputRequest, messages.OutputResponse)


def one(turn):
    if turn % 4 == 0:
        reply = unary(messages.SimpleRequest(response_size=100, fill_server_id=True), timeout=60)
        expect(len(reply.payload.body), 100)
        return reply.server_id
    elif turn % 4 == 1:
        expect(len(list(output(messages.output_request(*[1000] * 10, interval=5000), timeout=60))), 10)
    elif turn % 4 == 2:
        requests = (messages.InputRequest(payload=messages.payload(1000)) for _ in range(10))
        expect(upload(requests, timeout=60).aggregated_payload_size, 10_000)
    else:
        replies = duplex((messages.output_request(size) for size in range(1, 6)), timeout=60)
        expect([len(reply.payload.body) for reply in replies], [1, 2, 3, 4, 5])

    return None


load(one, ("unary", "server streaming", "client streaming", "bidirectional"), options.workers)
