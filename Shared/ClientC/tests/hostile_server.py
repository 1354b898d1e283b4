"""A server that does what none should. The metadata `case` of a call names what; each case counts its calls.

Frames are made with hyperframe and hpack alone, so that nothing keeps them correct.
"""

import gzip
import os
import socket
import ssl
import struct
import sys
import threading

from hpack import Decoder, Encoder
from hyperframe.frame import (ContinuationFrame, DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame, RstStreamFrame,
                              SettingsFrame, WindowUpdateFrame)

OK = [(":status", "200"), ("content-type", "application/grpc")]
seen = {}


def message(body=b"", compressed=0):
    return struct.pack(">BI", compressed, len(body)) + body


class Closed(Exception):
    pass


class Connection:
    def __init__(self, peer):
        self.peer, self.encoder, self.decoder = peer, Encoder(), Decoder()
        self.requests, self.blocks, self.acks, self.settings_acks = {}, {}, 0, 0
        self.windows, self.initial = {0: 65535}, 65535

    def bytes(self, count):
        data = b""
        while len(data) < count:
            piece = self.peer.recv(count - len(data))
            if not piece:
                raise Closed
            data += piece
        return data

    def send(self, *frames):
        self.peer.sendall(b"".join(frame.serialize() for frame in frames))

    def headers(self, stream, fields, end=False):
        frame = HeadersFrame(stream, self.encoder.encode(fields), flags=["END_HEADERS"] + ["END_STREAM"] * end)
        self.send(frame)

    def data(self, stream, body, end=False, pad=0):
        frame = DataFrame(stream, body, flags=["END_STREAM"] * end + ["PADDED"] * bool(pad))
        frame.pad_length = pad
        self.send(frame)

    def trailers(self, stream, code=0, more=()):
        self.headers(stream, [("grpc-status", str(code)), *more], end=True)

    def answer(self, stream, body=b""):
        self.headers(stream, OK)
        self.data(stream, message(body))
        self.trailers(stream)

    def frame(self):
        """Reads one frame; answers what must be answered. Returns the stream whose request has ended, if any."""
        head = self.bytes(9)
        frame, length = Frame.parse_frame_header(memoryview(head))
        frame.parse_body(memoryview(self.bytes(length)))
        if isinstance(frame, SettingsFrame):
            if "ACK" in frame.flags:
                self.settings_acks += 1
            else:
                self.initial = frame.settings.get(SettingsFrame.INITIAL_WINDOW_SIZE, self.initial)
                self.send(SettingsFrame(0, flags=["ACK"]))
        elif isinstance(frame, PingFrame) and "ACK" in frame.flags:
            self.acks += 1
        elif isinstance(frame, PingFrame):
            self.send(PingFrame(0, frame.opaque_data, flags=["ACK"]))
        elif isinstance(frame, WindowUpdateFrame):
            self.windows[frame.stream_id] = self.windows.get(frame.stream_id, 0) + frame.window_increment
        elif isinstance(frame, (HeadersFrame, ContinuationFrame)):
            self.blocks[frame.stream_id] = self.blocks.get(frame.stream_id, b"") + frame.data
            if "END_HEADERS" in frame.flags:
                self.requests[frame.stream_id] = dict(self.decoder.decode(self.blocks.pop(frame.stream_id)))
        if "END_STREAM" in frame.flags and frame.stream_id in self.requests:
            return frame.stream_id
        return None

    def window(self, stream):
        return min(self.windows[0], self.initial + self.windows.get(stream, 0))

    def padded(self, stream, pad):
        """200 kB in DATA frames of five bytes, as far as the client's windows allow."""
        self.headers(stream, OK)
        body, cost = message(response_with(200_000)), 5 + (pad + 1 if pad else 0)
        for at in range(0, len(body), 5):
            while self.window(stream) < cost:
                self.frame()
            self.windows[0] -= cost
            self.windows[stream] = self.windows.get(stream, 0) - cost
            self.data(stream, body[at : at + 5], pad=pad)
        self.trailers(stream)

    def serve(self):
        self.bytes(24)
        self.send(SettingsFrame(0, {SettingsFrame.MAX_CONCURRENT_STREAMS: 3}))
        while True:
            stream = self.frame()
            if stream:
                case = self.requests[stream]["case"]
                seen[case] = seen.get(case, 0) + 1
                getattr(self, "case_" + case)(stream, seen[case])

    # One method for each case: what is sent in reply to the nth call of it.

    def case_good(self, stream, n):
        self.answer(stream)

    def case_goaway(self, stream, n):
        self.answer(stream)
        self.send(GoAwayFrame(0, stream, 0))

    def case_goaway_refuses(self, stream, n):
        if n > 1:
            return self.answer(stream)
        self.send(GoAwayFrame(0, 0, 0))

    def case_goaway_midway(self, stream, n):
        """The call goes on although the server stops."""
        self.headers(stream, OK)
        self.send(GoAwayFrame(0, stream, 0))
        self.data(stream, message())
        self.trailers(stream)

    def case_refused(self, stream, n):
        if n > 2:
            return self.answer(stream)
        self.send(RstStreamFrame(stream, 7))

    def case_rst_after_header(self, stream, n):
        self.headers(stream, OK)
        self.send(RstStreamFrame(stream, 2))

    def case_rst_during_data(self, stream, n):
        self.headers(stream, OK)
        self.data(stream, message(b"x" * 100)[:50])
        self.send(RstStreamFrame(stream, 2))

    def case_rst_after_data(self, stream, n):
        self.headers(stream, OK)
        self.data(stream, message())
        self.send(RstStreamFrame(stream, 8))

    def case_ping(self, stream, n):
        """Answers only when every ping has been answered."""
        def pings():
            wanted = self.acks + 10
            self.send(*[PingFrame(0, bytes([i]) * 8) for i in range(10)])
            while self.acks < wanted:
                self.frame()
        pings()
        self.headers(stream, OK)
        pings()
        self.data(stream, message())
        pings()
        self.trailers(stream)

    def case_padding(self, stream, n):
        self.padded(stream, 255)

    def case_no_padding(self, stream, n):
        self.padded(stream, 0)

    def case_content_type(self, stream, n):
        self.headers(stream, [(":status", "200"), ("content-type", "text/html")])
        self.data(stream, b"<html>", end=True)

    def case_no_content_type(self, stream, n):
        self.headers(stream, [(":status", "200")])
        self.data(stream, b"", end=True)

    def case_http_404(self, stream, n):
        self.headers(stream, [(":status", "404"), ("content-type", "text/html")], end=True)

    def case_http_503(self, stream, n):
        if n > 1:
            return self.answer(stream)
        self.headers(stream, [(":status", "503"), ("content-type", "text/html")])
        self.data(stream, b"busy", end=True)

    def case_informational(self, stream, n):
        self.headers(stream, [(":status", "103"), ("link", "</x>")])
        self.answer(stream)

    def case_no_status(self, stream, n):
        self.headers(stream, OK)
        self.data(stream, message(), end=True)

    def case_trailers_without_status(self, stream, n):
        self.headers(stream, OK)
        self.data(stream, message())
        self.headers(stream, [("x", "y")], end=True)

    def case_headers_only(self, stream, n):
        self.headers(stream, OK, end=True)

    def case_data_first(self, stream, n):
        self.data(stream, message())

    def case_status_99(self, stream, n):
        self.headers(stream, [*OK, ("grpc-status", "99"), ("grpc-message", "h%C3%A0%")], end=True)

    def case_status_text(self, stream, n):
        self.headers(stream, [*OK, ("grpc-status", "none")], end=True)

    def case_compressed_without_encoding(self, stream, n):
        self.headers(stream, OK)
        self.data(stream, message(gzip.compress(b""), 1))
        self.trailers(stream)

    def case_unknown_encoding(self, stream, n):
        self.headers(stream, [*OK, ("grpc-encoding", "\x1b[31mzstd")])
        self.data(stream, message(b"x", 1))
        self.trailers(stream)

    def case_gzip_bomb(self, stream, n):
        self.headers(stream, [*OK, ("grpc-encoding", "gzip")])
        self.data(stream, message(gzip.compress(bytes(8_000_000)), 1))
        self.trailers(stream)

    def case_broken_gzip(self, stream, n):
        self.headers(stream, [*OK, ("grpc-encoding", "gzip")])
        self.data(stream, message(b"\x1f\x8b nothing", 1))
        self.trailers(stream)

    def case_giant_length(self, stream, n):
        self.headers(stream, OK)
        self.data(stream, b"\0\xff\xff\xff\xff" + b"x" * 100)

    def case_bad_flag(self, stream, n):
        self.headers(stream, OK)
        self.data(stream, b"\x02\0\0\0\0")

    def case_truncated(self, stream, n):
        self.headers(stream, OK)
        self.data(stream, message(b"x" * 100)[:50])
        self.trailers(stream)

    def case_two_messages(self, stream, n):
        self.headers(stream, OK)
        self.data(stream, message() + message())
        self.trailers(stream)

    def case_no_message(self, stream, n):
        self.headers(stream, OK)
        self.trailers(stream)

    def case_invalid_utf8(self, stream, n):
        self.answer(stream, b"\x12\x02\xff\xfe")

    def case_nul(self, stream, n):
        self.answer(stream, b"\x12\x03a\0b")

    def case_malformed(self, stream, n):
        self.answer(stream, b"\x12\x20a")

    def case_never_ending_headers(self, stream, n):
        self.send(HeadersFrame(stream, self.encoder.encode(OK)))
        while True:
            self.send(ContinuationFrame(stream, self.encoder.encode([("x" * 20, "y" * 1000)])))

    def case_many_headers(self, stream, n):
        """One field, then thousands of references to it: a byte each on the wire."""
        block = self.encoder.encode([*OK, ("padding", "y" * 3000)])
        self.send(HeadersFrame(stream, block + b"\xbe" * 10_000, flags=["END_HEADERS"]))

    def case_ping_flood(self, stream, n):
        pings = b"".join(PingFrame(0, b"12345678").serialize() for _ in range(1000))
        for _ in range(1000):
            self.peer.sendall(pings)

    def case_settings_flood(self, stream, n):
        settings = SettingsFrame(0, {SettingsFrame.MAX_FRAME_SIZE: 16384}).serialize() * 1000
        for _ in range(1000):
            self.peer.sendall(settings)

    def case_empty_data_flood(self, stream, n):
        self.headers(stream, OK)
        empty = DataFrame(stream).serialize() * 1000
        for _ in range(1000):
            self.peer.sendall(empty)

    def case_garbage(self, stream, n):
        self.peer.sendall(b"\xff" * 100_000)

    def case_http1(self, stream, n):
        self.peer.sendall(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")

    def case_push(self, stream, n):
        """PUSH_PROMISE although the client forbids it."""
        self.peer.sendall(b"\x00\x00\x05\x05\x04" + struct.pack(">II", stream, 2) + b"\x82")

    def case_silence(self, stream, n):
        pass

    def case_hangs_up(self, stream, n):
        raise Closed

    def case_hangs_up_once(self, stream, n):
        if n == 1:
            raise Closed
        self.answer(stream)

    def case_dead(self, stream, n):
        """Reads no more, answers no pings."""
        threading.Event().wait(60)

    def unavailable(self, stream, *more):
        self.headers(stream, [*OK, ("grpc-status", "14"), ("grpc-message", "busy"), *more], end=True)

    def case_unavailable(self, stream, n):
        self.unavailable(stream)

    def case_unavailable_twice(self, stream, n):
        if n > 2:
            assert self.requests[stream]["grpc-previous-rpc-attempts"] == "2"
            return self.answer(stream)
        self.unavailable(stream)

    def case_pushback(self, stream, n):
        if n > 1:
            return self.answer(stream)
        self.unavailable(stream, ("grpc-retry-pushback-ms", "300"))

    def case_pushback_never(self, stream, n):
        self.unavailable(stream, ("grpc-retry-pushback-ms", "-1"))

    def case_message_then_unavailable(self, stream, n):
        self.headers(stream, OK)
        self.data(stream, message())
        self.trailers(stream, 14)


def response_with(size):
    """SimpleResponse with a payload of so many bytes."""
    def varint(value):
        out = b""
        while value > 127:
            out, value = out + bytes([value & 127 | 128]), value >> 7
        return out + bytes([value])
    body = b"\x12" + varint(size) + b"x" * size
    return b"\x0a" + varint(len(body)) + body


def tls_context():
    """With --tls-certificate and --tls-key: TLS, for clients with a certificate of CDT_TEST_AUTHORITIES."""
    options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    if not options:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options["--tls-certificate"], options["--tls-key"])
    context.load_verify_locations(os.environ["CDT_TEST_AUTHORITIES"])
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    return context


def serve(peer, tls):
    try:
        if tls:
            peer = tls.wrap_socket(peer, server_side=True)
        Connection(peer).serve()
    except (Closed, OSError):
        pass
    finally:
        peer.close()


tls = tls_context()
listener = socket.create_server(("127.0.0.1", 0))
print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
while True:
    peer, _ = listener.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=serve, args=(peer, tls), daemon=True).start()
