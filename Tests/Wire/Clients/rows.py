"""The main rows of the wire tests once more, by another hand: requests made with the Python packages hpack and hyperframe.

rows.py PORT; PORT serves wire.Test. Prints "ok ROW" or "failed ROW: why" for each row.
"""
import base64
import gzip
import socket
import struct
import sys

import hpack
import hyperframe.frame as hf

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Reply:
    def __init__(self):
        self.headers, self.trailers, self.data, self.ended, self.reset = [], [], b"", False, None

    def get(self, name):
        return dict(self.headers + self.trailers).get(name)

    @property
    def status(self):
        return self.get("grpc-status")


class Connection:
    def __init__(self, settings=()):
        self.socket = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20)
        self.encoder, self.decoder, self.buffer = hpack.Encoder(), hpack.Decoder(), b""
        self.streams, self.goaway, self.pongs, self.closed = {}, None, [], False
        self.socket.sendall(PREFACE)
        self.send(hf.SettingsFrame(settings=dict(settings)))

    def send(self, *frames):
        self.socket.sendall(b"".join(frame.serialize() for frame in frames))

    def fields(self, method, extra=(), without=()):
        fields = [
            (":method", "POST"), (":scheme", "http"), (":path", f"/wire.Test/{method}"), (":authority", "localhost"),
            ("te", "trailers"), ("content-type", "application/grpc"),
        ]
        replaced = dict(extra)
        fields = [(n, replaced.pop(n, v)) for n, v in fields if n not in without]
        return fields + list(replaced.items())

    def headers(self, stream, fields, flags=("END_HEADERS",)):
        return hf.HeadersFrame(stream, data=self.encoder.encode(fields), flags=flags)

    def read(self):
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            try:
                more = self.socket.recv(65536)
            except ConnectionError:
                more = b""
            if not more:
                self.closed = True
                return None
            self.buffer += more
        frame, length = hf.Frame.parse_frame_header(memoryview(self.buffer[:9]))
        frame.parse_body(memoryview(self.buffer[9:9 + length]))
        self.buffer = self.buffer[9 + length:]
        reply = self.streams.setdefault(frame.stream_id, Reply())
        if isinstance(frame, hf.HeadersFrame):
            fields = list(self.decoder.decode(bytes(frame.data)))
            if reply.headers:
                reply.trailers = fields
            else:
                reply.headers = fields
        elif isinstance(frame, hf.DataFrame):
            reply.data += frame.data
            if frame.flow_controlled_length:
                self.send(hf.WindowUpdateFrame(0, window_increment=frame.flow_controlled_length))
        elif isinstance(frame, hf.RstStreamFrame):
            reply.reset = frame.error_code
        elif isinstance(frame, hf.GoAwayFrame):
            self.goaway = frame
        elif isinstance(frame, hf.SettingsFrame) and "ACK" not in frame.flags:
            self.send(hf.SettingsFrame(flags=["ACK"]))
        elif isinstance(frame, hf.PingFrame) and "ACK" in frame.flags:
            self.pongs.append(frame.opaque_data)
        if "END_STREAM" in frame.flags:
            reply.ended = True
        return frame

    def finish(self, stream, also_reset=False):
        reply = self.streams.setdefault(stream, Reply())
        while not self.closed and reply.reset is None and (also_reset or not reply.ended):
            self.read()
        return reply

    def call(self, method, body, stream=1, extra=(), without=()):
        self.send(
            self.headers(stream, self.fields(method, extra, without)),
            hf.DataFrame(stream, data=body, flags=["END_STREAM"]))
        return self.finish(stream)

    def until_closed(self):
        while not self.closed:
            self.read()
        return self.goaway


def message(body, flag=0, length=None):
    return struct.pack(">BI", flag, len(body) if length is None else length) + body


def expect(actual, wanted):
    assert actual == wanted, f"{actual!r}, not {wanted!r}"


def timeout():
    connection = Connection()
    for index, (value, status) in enumerate([("10S", "0"), ("99999999H", "0"), ("100000000n", "3"), ("5", "3"), ("-1S", "3")]):
        expect(connection.call("Echo", message(b""), 1 + 2 * index, {"grpc-timeout": value}).status, status)


def status_message():
    reply = Connection().call("Fail", message(b"\x02" + "\t☺%".encode()))
    expect((reply.status, reply.get("grpc-message")), ("2", "%09%E2%98%BA%25"))


def binary_metadata():
    reply = Connection().call("Echo", message(b""), extra={"x-a-bin": base64.b64encode(b"\xab\xab\xab\xab").decode()})
    expect(reply.get("x-a-bin"), "q6urqw")


def trailers_only():
    reply = Connection().call("Nothing", message(b""))
    expect((reply.status, reply.get(":status"), reply.trailers, reply.data), ("12", "200", [], b""))


def content_type():
    connection = Connection()
    expect(connection.call("Echo", message(b""), extra={"content-type": "application/grpc-web"}).get(":status"), "415")
    expect(connection.call("Echo", message(b""), 3, {"content-type": "application/grpc+proto"}).status, "0")


def compression():
    connection, zipped = Connection(), gzip.compress(b"text")
    expect(connection.call("Echo", message(zipped, 1), extra={"grpc-encoding": "gzip"}).data, message(b"text"))
    expect(connection.call("Echo", message(zipped, 1), 3).status, "13")
    unknown = connection.call("Echo", message(zipped, 1), 5, {"grpc-encoding": "br"})
    expect((unknown.status, unknown.get("grpc-accept-encoding")), ("12", "identity,gzip"))


def boundaries():
    connection, body = Connection(), message(b"one") + message(b"") + message(b"three")
    connection.send(connection.headers(1, connection.fields("Collect")))
    for index in range(len(body)):
        padding = hf.DataFrame(1, data=body[index:index + 1], pad_length=index, flags=["PADDED"])
        connection.send(padding)
    connection.send(hf.DataFrame(1, flags=["END_STREAM"]))
    expect(connection.finish(1).data, message(b"3 0 5"))


def length_limit():
    connection = Connection()
    connection.send(
        connection.headers(1, connection.fields("Echo")), hf.DataFrame(1, data=message(b"", length=2**32 - 1)))
    expect(connection.finish(1).status, "8")


def early_end():
    connection = Connection()
    connection.send(connection.headers(1, connection.fields("Early")))
    reply = connection.finish(1, also_reset=True)
    expect((reply.status, reply.reset), ("0", 0))


def no_message():
    connection = Connection()
    connection.send(connection.headers(1, connection.fields("Echo"), ["END_HEADERS", "END_STREAM"]))
    expect(connection.finish(1).status, "12")
    expect(connection.call("Echo", message(b"") * 2, 3).status, "12")


def pings():
    connection = Connection()
    for index in range(6):
        connection.send(hf.PingFrame(opaque_data=bytes(8)))
    goaway = connection.until_closed()
    expect((goaway.error_code, goaway.additional_data), (11, b"too_many_pings"))


def continuation():
    connection = Connection()
    block = connection.encoder.encode(connection.fields("Collect"))
    connection.send(hf.HeadersFrame(1, data=block[:7], flags=["END_STREAM"]),
                    hf.ContinuationFrame(1, data=block[7:], flags=["END_HEADERS"]))
    expect(connection.finish(1).status, "0")


def continuation_flood():
    connection = Connection()
    try:
        connection.send(hf.HeadersFrame(1, data=connection.encoder.encode(connection.fields("Echo"))))
        for _ in range(1000):
            connection.send(hf.ContinuationFrame(1))
    except ConnectionError:
        connection.closed = True
    connection.until_closed()


def window_overflow():
    connection = Connection()
    connection.send(connection.headers(1, connection.fields("Collect")))
    for _ in range(2):
        connection.send(hf.WindowUpdateFrame(1, window_increment=2**31 - 1))
    expect(connection.finish(1).reset, 3)
    expect(connection.call("Echo", message(b"")  , 3).status, "0")


def content_length():
    connection = Connection()
    expect(connection.call("Echo", message(b"abc"), extra={"content-length": "1"}).reset, 1)


for row in [timeout, status_message, binary_metadata, trailers_only, content_type, compression, boundaries, length_limit,
            early_end, no_message, pings, continuation, continuation_flood, window_overflow, content_length]:
    try:
        row()
        print("ok", row.__name__, flush=True)
    except Exception as error:
        print("failed", row.__name__ + ":", repr(error), flush=True)
