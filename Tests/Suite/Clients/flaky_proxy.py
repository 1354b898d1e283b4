"""A gRPC proxy that refuses some calls, as a busy or restarting service does. Usage: flaky_proxy.py HOST:PORT

Of each method the first call fails with UNAVAILABLE, the second with RESOURCE_EXHAUSTED and RetryInfo, and the third is
passed on and then answered UNAVAILABLE: the service has done what was asked, and the caller does not hear it.
Prints "listening on HOST:PORT", and at each refusal the method and the status.
"""

import collections
import sys
from concurrent import futures

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

upstream = grpc.insecure_channel(sys.argv[1])
calls = collections.Counter()


class Proxy(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.stream_stream_rpc_method_handler(
            lambda requests, context: self.pass_on(details.method, requests, context))

    def pass_on(self, method, requests, context):
        calls[method] += 1
        number = 0 if "Reflection" in method else calls[method]
        if number == 1:
            print(method, "UNAVAILABLE", flush=True)
            context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        if number == 2:
            print(method, "RESOURCE_EXHAUSTED", flush=True)
            detail = any_pb2.Any()
            detail.Pack(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(nanos=300_000_000)))
            context.abort_with_status(rpc_status.to_status(
                status_pb2.Status(code=code_pb2.RESOURCE_EXHAUSTED, message="busy", details=[detail])))
        try:
            answers = upstream.stream_stream(method)(requests, metadata=[
                (k, v) for k, v in context.invocation_metadata() if k == "authorization"])
            if number == 3:
                list(answers)
                print(method, "UNAVAILABLE after the fact", flush=True)
                context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
            yield from answers
        except grpc.RpcError as error:
            status = rpc_status.from_call(error)
            if status:
                context.abort_with_status(rpc_status.to_status(status))
            context.abort(error.code(), error.details())


server = grpc.server(futures.ThreadPoolExecutor(16))
server.add_generic_rpc_handlers([Proxy()])
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"listening on 127.0.0.1:{port}", flush=True)
server.wait_for_termination()
