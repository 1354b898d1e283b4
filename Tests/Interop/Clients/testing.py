"""The messages of grpc.testing, made from a descriptor set, and what the scripts beside this one share."""

import argparse
import os
import sys
import time

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

REQUEST_SIZES = [27182, 8, 1828, 45904]
RESPONSE_SIZES = [31415, 9, 2653, 58979]
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
# The name in the test certificate that comes with gRPC.
TEST_NAME = "foo.test.google.fr"


def arguments(description):
    """What both scripts of cases are called with."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("port", type=int)
    parser.add_argument("descriptors", help="descriptor set of grpc.testing")
    parser.add_argument("cases", nargs="*", help="none: all but the long ones")
    parser.add_argument("--authorities", help="PEM file of the authorities to trust; TLS is on with it")
    parser.add_argument("--server-log", help="file in which the server tells of its calls")
    parser.add_argument("--soak-calls", type=int, default=1000)
    parser.add_argument("--list", action="store_true", help="print the names of all cases")
    return parser.parse_intermixed_args()


class Messages:
    """The message classes, by their names."""

    def __init__(self, descriptors):
        pool = descriptor_pool.DescriptorPool()
        with open(descriptors, "rb") as file:
            for proto in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
                pool.Add(proto)
        for name in ("Empty", "BoolValue", "Payload", "EchoStatus", "SimpleRequest", "SimpleResponse",
                     "ResponseParameters"):
            setattr(self, name, message_factory.GetMessageClass(pool.FindMessageTypeByName("grpc.testing." + name)))
        for name, short in (("StreamingOutputCall", "Output"), ("StreamingInputCall", "Input")):
            for kind in ("Request", "Response"):
                full = f"grpc.testing.{name}{kind}"
                setattr(self, short + kind, message_factory.GetMessageClass(pool.FindMessageTypeByName(full)))

    def payload(self, size):
        return self.Payload(body=bytes(size))

    def large_request(self, **more):
        return self.SimpleRequest(response_size=314159, payload=self.payload(271828), **more)

    def output_request(self, *response_sizes, request_size=0, interval=0, **more):
        parameters = [self.ResponseParameters(size=size, interval_us=interval) for size in response_sizes]
        return self.OutputRequest(payload=self.payload(request_size), response_parameters=parameters, **more)


class Skipped(Exception):
    """The case says nothing with this client; the reason is the text."""


def expect(actual, wanted):
    assert actual == wanted, f"got {str(actual)[:300]!r}, want {str(wanted)[:300]!r}"


class ServerLog:
    """What the server tells of its calls, in a file; without one, cases that need it cannot wait for it."""

    def __init__(self, path):
        self.path, self.start = path, 0

    def begin(self):
        """What was told before is not of the case that begins now."""
        if self.path is not None:
            self.start = os.path.getsize(self.path)

    def has(self, line):
        with open(self.path, "rb") as file:
            file.seek(self.start)
            return line.encode() in file.read().split(b"\n")

    def wait(self, line):
        if self.path is None:
            return
        for _ in range(6000):
            if self.has(line):
                return
            time.sleep(0.01)
        raise AssertionError(f"the server never told of {line!r}")


def report(name, run, server):
    """Runs one case and prints how it went; true when it did not fail."""
    server.begin()
    try:
        run()
        print(f"ok {name}", flush=True)
    except Skipped as reason:
        print(f"skipped {name}: {reason}", flush=True)
    except BaseException as error:  # also what a runtime raises that is no Exception
        print(f"failed {name}: {type(error).__name__}: {error}".replace("\n", " "), flush=True)
        return False
    return True


def choose(known, names):
    """The cases named, or all."""
    for name in names:
        if name not in known:
            sys.exit(f"there is no case {name}")
    return {name: known[name] for name in names or known}
