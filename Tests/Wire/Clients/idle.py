"""Opens connections that say nothing after HTTP/2's preface and SETTINGS, and holds them until it is stopped.

idle.py PORT COUNT; prints "connected COUNT" when the server has sent its SETTINGS on all of them.
"""
import resource
import socket
import sys
import time

port, count = int(sys.argv[1]), int(sys.argv[2])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
sockets = []
for start in range(0, count, 200):
    batch = []
    for _ in range(min(200, count - start)):
        connection = socket.create_connection(("127.0.0.1", port), timeout=300)
        connection.sendall(hello)
        batch.append(connection)
    for connection in batch:
        if len(connection.recv(9)) != 9:
            sys.exit("the server hung up")
    sockets += batch
print(f"connected {len(sockets)}", flush=True)
time.sleep(600)
