"""short-and-long.py ROLE HOST PORT [COUNT]

server  an echo of lines that answers `stats` with the CPU time that it has used
client  COUNT exchanges of 64 bytes over a connection each, then over one that is kept
"""
import resource
import socket
import socketserver
import sys
import time

role, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
QUESTION = b"get " + b"k" * 55 + b"END\r\n"


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            for line in self.rfile:
                if line == b"stats\r\n":
                    used = resource.getrusage(resource.RUSAGE_SELF)
                    line = f"STAT rusage_user {used.ru_utime}\r\nSTAT rusage_system {used.ru_stime}\r\nEND\r\n".encode()
                self.wfile.write(line)
        except ConnectionError:
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


def connect():
    connection = socket.create_connection((host, port), 5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def ask(connection):
    connection.sendall(QUESTION)
    answer = b""
    while not answer.endswith(b"END\r\n"):
        part = connection.recv(4096)
        if not part:
            sys.exit("the server closed the connection")
        answer += part
    return answer


if role == "server":
    with Server((host, port), Echo) as server:
        print(f"{host}:{server.server_address[1]}")
        server.serve_forever()
else:
    count = int(sys.argv[4]) if len(sys.argv) > 4 else 10000
    for style in ("short", "kept"):
        start, right, kept = time.monotonic(), 0, None
        for _ in range(count):
            connection = kept or connect()
            right += ask(connection) == QUESTION
            if style == "short":
                connection.close()
            else:
                kept = connection
        each = (time.monotonic() - start) / count * 1e6
        print(f"{style}: {right} of {count} right, {each:.1f} µs each")
