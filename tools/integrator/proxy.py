"""A gRPC proxy before each service, which tells the judge of every call and, when asked to, makes trouble.

To every reply it adds a field that no version of the contract has. Trouble: of each write the first call is done and
then answered UNAVAILABLE, of each read the second is answered RESOURCE_EXHAUSTED with RetryInfo, and of each feed the
first stream that has said something is broken off.
"""

import collections
import threading
from concurrent import futures

import grpc
from google.protobuf import any_pb2, descriptor_pool, duration_pb2, message_factory
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from .rules import holders

# Field 65535, a number: 1.
UNKNOWN_FIELD = bytes([0xF8, 0xFF, 0x1F, 0x01])
RETRY_SECONDS = 0.3
# A deadline further away than this is none.
FOREVER = 10**8
NOT_PASSED_ON = ("user-agent", "te", "content-type", "grpc-")
WORKERS = 64


class Contract:
    """Methods by path, and the classes of their messages."""

    def __init__(self, files):
        """`files`: a FileDescriptorSet with all that it imports, in order."""
        self.pool, self.methods = descriptor_pool.DescriptorPool(), {}
        for file in files.file:
            self.pool.Add(file)
        for file in files.file:
            for service in file.service:
                found = self.pool.FindServiceByName(f"{file.package}.{service.name}")
                self.methods |= {f"/{found.full_name}/{method.name}": method for method in found.methods}

    def request(self, method):
        return message_factory.GetMessageClass(method.input_type)

    def reply(self, method):
        return message_factory.GetMessageClass(method.output_type)


class Trouble:
    """Which calls fail."""

    def __init__(self):
        self.lock, self.calls = threading.Lock(), collections.Counter()

    def of(self, method, message):
        """What is to befall a call with one request: "after", "busy", "broken" or None."""
        with self.lock:
            self.calls[method.full_name] += 1
            number = self.calls[method.full_name]
        if method.server_streaming:
            return "broken" if number == 1 and method.name == "Follow" else None
        if any(True for _ in holders(message)):
            return "after" if number == 1 else None
        return "busy" if number == 2 else None


class Proxy(grpc.GenericRpcHandler):
    def __init__(self, address, upstream, contract, judge, trouble):
        """Listens at `address` and calls `upstream`; `trouble`: None for none."""
        self.contract, self.judge, self.trouble = contract, judge, trouble
        self.channel = grpc.insecure_channel(upstream)
        self.server = grpc.server(futures.ThreadPoolExecutor(WORKERS))
        self.server.add_generic_rpc_handlers([self])
        if not self.server.add_insecure_port(address):
            raise SystemExit(f"cannot listen at {address}; is it in use? --base-port chooses others")
        self.server.start()

    def stop(self):
        self.server.stop(0).wait()
        self.channel.close()

    def service(self, details):
        method = self.contract.methods.get(details.method)
        return grpc.stream_stream_rpc_method_handler(
            lambda requests, context: self._pass_on(details.method, method, requests, context))

    def _pass_on(self, path, method, requests, context):
        metadata = [(key, value) for key, value in context.invocation_metadata()
                    if not key.startswith(NOT_PASSED_ON)]
        remaining = context.time_remaining()
        deadline = remaining if remaining is not None and remaining < FOREVER else None
        call = trouble = None
        # Health and reflection are not judged.
        if method:
            has_token = any(key == "authorization" for key, _ in metadata)
            call = self.judge.begin(method, context.peer(), has_token, deadline is not None)
            if not method.client_streaming:
                data = next(requests, None)
                message = self._parsed(self.contract.request(method), data)
                if message is not None:
                    self.judge.request(call, message)
                    trouble = self.trouble.of(method, message) if self.trouble else None
                requests = iter([] if data is None else [data])
            else:
                requests = self._watched(call, requests)
        if trouble == "busy":
            self.judge.end(call, "RESOURCE_EXHAUSTED", RETRY_SECONDS)
            self._refuse(context, code_pb2.RESOURCE_EXHAUSTED, RETRY_SECONDS)
        answers = self.channel.stream_stream(path)(requests, timeout=deadline, metadata=metadata)
        context.add_callback(answers.cancel)
        try:
            if trouble == "after":
                list(answers)
                self.judge.end(call, "UNAVAILABLE")
                self._refuse(context, code_pb2.UNAVAILABLE)
            for data in answers:
                if not call:
                    yield data
                    continue
                message = self._parsed(self.contract.reply(method), data)
                if message is not None:
                    self.judge.reply(call, message)
                yield data + UNKNOWN_FIELD
                if trouble == "broken":
                    self.judge.end(call, "UNAVAILABLE")
                    self._refuse(context, code_pb2.UNAVAILABLE)
            context.set_trailing_metadata(answers.trailing_metadata())
            if call:
                self.judge.end(call, "OK")
        except grpc.RpcError as error:
            if call:
                self.judge.end(call, error.code().name, self._asked(error))
            context.set_trailing_metadata(error.trailing_metadata() or ())
            context.abort(error.code(), error.details())

    def _watched(self, call, requests):
        for data in requests:
            message = self._parsed(self.contract.request(call.method), data)
            if message is not None:
                self.judge.streamed(call, message)
            yield data

    @staticmethod
    def _parsed(kind, data):
        """A message; None for what is none, which the service will say itself."""
        try:
            return kind.FromString(data) if data is not None else None
        except ValueError:
            return None

    @staticmethod
    def _asked(error):
        """Seconds that an error's RetryInfo asks for."""
        status = rpc_status.from_call(error)
        for detail in status.details if status else ():
            info = error_details_pb2.RetryInfo()
            if detail.Unpack(info):
                return info.retry_delay.ToTimedelta().total_seconds()
        return 0.0

    @staticmethod
    def _refuse(context, code, wait=0.0):
        details = []
        if wait:
            detail = any_pb2.Any()
            detail.Pack(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(nanos=int(wait * 1e9))))
            details.append(detail)
        context.abort_with_status(rpc_status.to_status(
            status_pb2.Status(code=code, message="the sandbox makes trouble (--trouble)", details=details)))
