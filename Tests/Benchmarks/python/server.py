"""Python grpcio, to be measured beside our server: the measured methods of grpc.testing.TestService.

    server.py FOLDER-OF-GENERATED-CODE PORT
"""

import sys
from concurrent import futures

import grpc

sys.path.insert(0, sys.argv[1])
import messages_pb2 as pb  # noqa: E402
import test_pb2_grpc  # noqa: E402


def zeros(size):
    return pb.Payload(body=bytes(size))


class BenchService(test_pb2_grpc.TestServiceServicer):
    def UnaryCall(self, request, context):
        return pb.SimpleResponse(payload=zeros(request.response_size))

    def StreamingOutputCall(self, request, context):
        for parameters in request.response_parameters:
            yield pb.StreamingOutputCallResponse(payload=zeros(parameters.size))

    def StreamingInputCall(self, requests, context):
        total = sum(len(request.payload.body) for request in requests)
        return pb.StreamingInputCallResponse(aggregated_payload_size=total)


server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
test_pb2_grpc.add_TestServiceServicer_to_server(BenchService(), server)
server.add_insecure_port(f"127.0.0.1:{sys.argv[2]}")
server.start()
server.wait_for_termination()
