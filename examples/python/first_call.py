"""First calls to the Registry from Python, with the official gRPC client.

    pip install grpcio grpcio-status grpcio-tools
    mkdir out && python -m grpc_tools.protoc -I proto --python_out=out proto/cdt/common/v1/*.proto proto/cdt/registry/v1/*.proto
    PYTHONPATH=out python examples/python/first_call.py [HOST:PORT]
"""

import sys

import grpc
from cdt.registry.v1 import units_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status

channel = grpc.insecure_channel(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051")
resolve = channel.unary_unary(
    "/cdt.registry.v1.RegistryService/ResolveUnitCode",
    request_serializer=units_pb2.ResolveUnitCodeRequest.SerializeToString,
    response_deserializer=units_pb2.ResolveUnitCodeResponse.FromString,
)

# A code means something only together with a date: 15 was Yên Bái until 30/6/2025 and is Lào Cai since.
for date in ("2025-06-30", "2025-07-01"):
    answer = resolve(units_pb2.ResolveUnitCodeRequest(code="15", date=date), timeout=10)
    print(date, answer.unit.display_name)

# An error says why in ErrorInfo, and the same for people in Vietnamese.
try:
    resolve(units_pb2.ResolveUnitCodeRequest(code="10", date="2025-07-01"), timeout=10)
except grpc.RpcError as error:
    print(error.code().name, error.details())
    for detail in rpc_status.from_call(error).details:
        info, text = error_details_pb2.ErrorInfo(), error_details_pb2.LocalizedMessage()
        if detail.Unpack(info):
            print(info.reason, info.domain, dict(info.metadata))
        elif detail.Unpack(text):
            print(text.locale, text.message)
