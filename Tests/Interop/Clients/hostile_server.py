"""An HTTP/2 server that behaves as doc/http2-interop-test-descriptions.md says, to see what a client makes of it.

Usage: hostile_server.py CASE DESCRIPTOR_SET. Prints `port N` when it listens, and `wrong: WHY` when the client does
something that the case forbids. On h2, which shares nothing with our HTTP/2.
"""

import asyncio
import struct
import sys

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings

from testing import Messages

CASE = sys.argv[1]
messages = Messages(sys.argv[2])
connections = 0
pongs = 0


def wrong(why):
    print(f"wrong: {why}", flush=True)


class Server(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport):
        global connections
        connections += 1
        self.number, self.transport, self.requests, self.replies = connections, transport, {}, {}
        self.answered, self.pings, self.pongs, self.left = 0, 0, 0, False
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.h2.local_settings.acknowledge()
        self.h2.initiate_connection()
        if CASE == "max_streams":
            self.h2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1})
        self.write()

    def write(self):
        self.transport.write(self.h2.data_to_send())

    def data_received(self, data):
        try:
            for event in self.h2.receive_data(data):
                self.handle(event)
        except Exception as error:
            wrong(f"{type(error).__name__}: {error}")
            self.transport.close()
            return
        self.write()

    def connection_lost(self, error):
        if CASE == "ping" and self.pongs != self.pings:
            wrong(f"{self.pongs} answers to {self.pings} pings")

    def handle(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.requests[event.stream_id] = b""
            if CASE == "goaway" and self.left:
                wrong("a call on a connection that the server has left")
            if CASE == "max_streams" and len(self.requests) > 1:
                wrong(f"{len(self.requests)} calls at once")
            if CASE == "rst_after_header":
                self.headers(event.stream_id)
                self.h2.reset_stream(event.stream_id)
        elif isinstance(event, h2.events.DataReceived):
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if event.stream_id in self.requests:
                self.requests[event.stream_id] += event.data
        elif isinstance(event, h2.events.StreamEnded):
            if event.stream_id in self.requests and CASE != "rst_after_header":
                self.answer(event.stream_id)
        elif isinstance(event, h2.events.WindowUpdated):
            for stream in list(self.replies):
                self.pump(stream)
        elif isinstance(event, h2.events.PingAckReceived):
            self.pongs += 1

    def ping(self):
        if CASE == "ping":
            self.pings += 1
            self.h2.ping(struct.pack(">Q", self.pings))

    def headers(self, stream):
        self.h2.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])

    def answer(self, stream):
        flag, length = struct.unpack(">BI", self.requests[stream][:5])
        request = messages.SimpleRequest.FromString(self.requests[stream][5:])
        if (flag, length, len(request.payload.body)) != (0, len(self.requests[stream]) - 5, 271828):
            wrong("the request is not the one of a large unary call")
        body = messages.SimpleResponse(payload=messages.payload(request.response_size)).SerializeToString()
        reply = struct.pack(">BI", 0, len(body)) + body
        if CASE == "rst_during_data":
            reply = reply[:len(reply) // 2]
        self.ping()
        self.headers(stream)
        self.ping()
        self.replies[stream] = reply
        self.pump(stream)

    def pump(self, stream):
        """Sends what the windows allow."""
        padding = 255 if CASE == "data_frame_padding" else None
        piece = 5 if CASE in ("data_frame_padding", "no_df_padding_sanity_test") else 16_000
        cost = piece + (padding + 1 if padding else 0)
        while self.replies[stream]:
            window = self.h2.local_flow_control_window(stream)
            if window < min(cost, len(self.replies[stream]) + cost - piece):
                self.write()
                return
            self.h2.send_data(stream, self.replies[stream][:piece], pad_length=padding)
            self.replies[stream] = self.replies[stream][piece:]
        del self.replies[stream], self.requests[stream]
        self.ping()
        if CASE in ("rst_during_data", "rst_after_data"):
            self.h2.reset_stream(stream)
        else:
            self.h2.send_headers(stream, [("grpc-status", "0")], end_stream=True)
        self.ping()
        self.answered += 1
        if CASE == "goaway" and not self.left and self.number == 1:
            self.left = True
            # h2's own close_connection would refuse everything after it.
            goaway = h2.connection.GoAwayFrame(0, last_stream_id=stream, error_code=0)
            self.write()
            self.transport.write(goaway.serialize())


async def main():
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
