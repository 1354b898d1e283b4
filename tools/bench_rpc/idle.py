"""Idle HTTP/2 connections: opened, greeted, and left alone."""

import resource
import socket
import ssl
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\0\0\0\x04\0\0\0\0\0"
ACKNOWLEDGED = b"\0\0\0\x04\x01\0\0\0\0"


def allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


class IdleConnections:
    def __init__(self, port: int, tls: bool):
        self.port, self.sockets = port, []
        self.context = None
        if tls:
            self.context = ssl.create_default_context()
            self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
            self.context.set_alpn_protocols(["h2"])

    def open(self, count: int) -> None:
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
            if self.context:
                connection = self.context.wrap_socket(connection, server_hostname="localhost")
            connection.sendall(PREFACE + SETTINGS)
            received = b""
            # The server's SETTINGS come first; it waits for our acknowledgement.
            while len(received) < 9 or len(received) < 9 + int.from_bytes(received[:3], "big"):
                piece = connection.recv(4096)
                if not piece:
                    raise ConnectionError("the server closed an idle connection")
                received += piece
            connection.sendall(ACKNOWLEDGED)
            self.sockets.append(connection)

    def close(self) -> None:
        for connection in self.sockets:
            connection.close()


def bytes_per_connection(port: int, tls: bool, count: int, resident) -> float:
    """What `resident` grows by for each of `count` connections, after a first hundred."""
    allow_files(count + 1000)
    connections = IdleConnections(port, tls)
    try:
        connections.open(100)
        time.sleep(1)
        before = resident()
        connections.open(count)
        time.sleep(1)
        return (resident() - before) / count
    finally:
        connections.close()
