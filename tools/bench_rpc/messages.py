"""The measured calls of grpc.testing.TestService: what is sent, and what must come back."""

import subprocess
import sys
from pathlib import Path

from .servers import CERTIFICATE

SMALL = 125  # bytes of payload, like a small team
LARGE = 64 * 1024
STREAMED = 10_000  # messages
STREAMED_SIZE = 16  # bytes of payload each


def generate(folder: Path) -> None:
    """Makes the Python classes of proto/grpc/testing in a folder and puts it on the path."""
    folder.mkdir(parents=True, exist_ok=True)
    files = sorted(str(file) for file in Path("proto/grpc/testing").glob("*.proto"))
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-I", "proto", f"--python_out={folder}",
         f"--grpc_python_out={folder}", *files], check=True)
    # The folders grpc/ and testing/ would hide the package grpc: the generated modules move beside each other.
    for file in (folder / "grpc/testing").glob("*.py"):
        text = file.read_text().replace("from grpc.testing import", "import")
        (folder / file.name).write_text(text)
    sys.path.insert(0, str(folder))


def framed(message) -> bytes:
    """A gRPC message: flag, length, bytes."""
    data = message.SerializeToString()
    return b"\0" + len(data).to_bytes(4, "big") + data


class Shape:
    """One kind of call."""

    def __init__(self, key, title, path, kind, requests, replies, connections, streams, as_clients=False):
        self.key, self.title, self.path, self.kind = key, title, path, kind
        # By our generator, which encodes headers as gRPC's own clients do; otherwise by h2load.
        self.as_clients = as_clients
        self.requests, self.replies = requests, replies
        self.connections, self.streams = connections, streams
        self.body = b"".join(framed(message) for message in requests)
        self.reply_bytes = sum(len(framed(message)) for message in replies)
        # Costs of a streaming call are told per message.
        self.messages = max(len(requests), len(replies))


def check(server, shape) -> None:
    """Makes the call with gRPC's own Python client, the unary one 50 times at once: a status other than OK raises."""
    import grpc

    address = f"127.0.0.1:{server.port}"
    if server.tls:
        credentials = grpc.ssl_channel_credentials(CERTIFICATE.read_bytes())
        channel = grpc.secure_channel(address, credentials, [("grpc.ssl_target_name_override", "localhost")])
    else:
        channel = grpc.insecure_channel(address)
    serializers = {"request_serializer": lambda message: message.SerializeToString(),
                   "response_deserializer": type(shape.replies[0]).FromString}
    path, wanted = server.path(shape), shape.replies
    shown = [(name, value) for name, value in server.headers.items() if name == "authorization"]
    with channel:
        if shape.kind == "unary":
            call = channel.unary_unary(path, **serializers)
            pending = [call.future(shape.requests[0], timeout=60, metadata=shown) for _ in range(50)]
            found, wanted = [reply.result() for reply in pending], wanted * 50
        elif shape.kind == "download":
            found = list(channel.unary_stream(path, **serializers)(shape.requests[0], timeout=60, metadata=shown))
        else:
            found = [channel.stream_unary(path, **serializers)(iter(shape.requests), timeout=60, metadata=shown)]
    if found != wanted:
        raise SystemExit(f"{server.name}, {path}: the reply is not what it should be: {str(found)[:200]}")


def shapes() -> list[Shape]:
    """After `generate`."""
    import messages_pb2 as pb

    service = "/grpc.testing.TestService/"
    parameters = [pb.ResponseParameters(size=STREAMED_SIZE)] * STREAMED
    piece = pb.Payload(body=bytes(STREAMED_SIZE))
    small = (service + "UnaryCall", "unary", [pb.SimpleRequest(response_size=SMALL)],
             [pb.SimpleResponse(payload=pb.Payload(body=bytes(SMALL)))], 8, 32)
    return [
        Shape("unary", f"Unary, reply of {SMALL} bytes, headers as gRPC C++ sends them", *small, as_clients=True),
        Shape("h2load", "The same by h2load, which Huffman-codes the token on every call", *small),
        Shape("large", "Unary, 64 KiB both ways", service + "UnaryCall", "unary",
              [pb.SimpleRequest(response_size=LARGE, payload=pb.Payload(body=bytes(LARGE)))],
              [pb.SimpleResponse(payload=pb.Payload(body=bytes(LARGE)))], 4, 4),
        Shape("download", f"Server streaming, {STREAMED:,} messages of {STREAMED_SIZE} bytes",
              service + "StreamingOutputCall", "download",
              [pb.StreamingOutputCallRequest(response_parameters=parameters)],
              [pb.StreamingOutputCallResponse(payload=piece)] * STREAMED, 4, 1),
        Shape("upload", f"Client streaming, {STREAMED:,} messages of {STREAMED_SIZE} bytes",
              service + "StreamingInputCall", "upload",
              [pb.StreamingInputCallRequest(payload=piece)] * STREAMED,
              [pb.StreamingInputCallResponse(aggregated_payload_size=STREAMED * STREAMED_SIZE)], 4, 1),
    ]
