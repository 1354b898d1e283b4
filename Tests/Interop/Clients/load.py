"""Calls several servers of grpc.testing.TestService, round-robin, with the official Python client until its standard input
ends.

Usage: load.py DESCRIPTOR_SET [--workers N] HOST:PORT... Prints `using ID...` a few times a second: the servers that have
answered; `failed WHY` for the first failures, and at the end `calls N failed N`. Ends with 1 when a call failed.
"""

import argparse
import sys
import threading

import grpc

from testing import Messages, expect

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("descriptors")
arguments.add_argument("targets", nargs="+")
arguments.add_argument("--workers", type=int, default=16)
options = arguments.parse_args()
messages = Messages(options.descriptors)

# Without retries: only what no server has seen is made again.
channel = grpc.insecure_channel("ipv4:" + ",".join(options.targets), [
    ("grpc.lb_policy_name", "round_robin"), ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000)])


def method(kind, name, request, response):
    return getattr(channel, kind)(f"/grpc.testing.TestService/{name}", request_serializer=request.SerializeToString,
                                  response_deserializer=response.FromString)


unary = method("unary_unary", "UnaryCall", messages.SimpleRequest, messages.SimpleResponse)
output = method("unary_stream", "StreamingOutputCall", messages.OutputRequest, messages.OutputResponse)
upload = method("stream_unary", "StreamingInputCall", messages.InputRequest, messages.InputResponse)
duplex = method("stream_stream", "FullDuplexCall", messages.OutputRequest, messages.OutputResponse)
lock, stopped = threading.Lock(), threading.Event()
succeeded, failures, servers = 0, [], set()


def one(turn):
    if turn % 4 == 0:
        reply = unary(messages.SimpleRequest(response_size=100, fill_server_id=True), timeout=60)
        expect(len(reply.payload.body), 100)
        with lock:
            servers.add(reply.server_id)
    elif turn % 4 == 1:
        expect(len(list(output(messages.output_request(*[1000] * 10, interval=5000), timeout=60))), 10)
    elif turn % 4 == 2:
        requests = (messages.InputRequest(payload=messages.payload(1000)) for _ in range(10))
        expect(upload(requests, timeout=60).aggregated_payload_size, 10_000)
    else:
        replies = duplex((messages.output_request(size) for size in range(1, 6)), timeout=60)
        expect([len(reply.payload.body) for reply in replies], [1, 2, 3, 4, 5])


def work(turn):
    global succeeded
    while not stopped.is_set():
        try:
            one(turn)
            with lock:
                succeeded += 1
        except Exception as error:
            with lock:
                failures.append(f"{('unary', 'server streaming', 'client streaming', 'bidirectional')[turn % 4]}: "
                                + repr(error).replace("\n", " "))
        turn += 1


def tell():
    while not stopped.wait(0.2):
        with lock:
            print("using", *sorted(servers), flush=True)
            servers.clear()


threads = [threading.Thread(target=work, args=(turn,)) for turn in range(options.workers)]
threads.append(threading.Thread(target=tell))
for thread in threads:
    thread.start()
sys.stdin.read()
stopped.set()
for thread in threads:
    thread.join()
for failure in failures[:20]:
    print("failed", failure)
print("calls", succeeded, "failed", len(failures), flush=True)
sys.exit(1 if failures else 0)
