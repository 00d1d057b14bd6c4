# An access layer's clients, and a small access layer, without Headrace.
# python3 im-access.py client HOST PORT [COUNT]   HOST and PORT are the route's
# python3 im-access.py server HOST PORT           a route and one node
import heapq
import http.client
import itertools
import json
import random
import selectors
import socket
import sys
import threading
import time

PING_S = 10
ASK_AGAIN_S = 0.5


class Client:
    """One long connection: asks the route, signs in, and comes back after each loss."""

    def __init__(self, loop, name):
        self.loop = loop
        self.name = name
        self.socket = None
        self.rest = b""
        self.online = False

    def connect(self):
        place = self.loop.ask()
        if place is None:
            self.loop.later(ASK_AGAIN_S, self.connect)
            return
        self.rest = b""
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(place)
        self.loop.selector.register(self.socket, selectors.EVENT_WRITE, self)

    def ready(self, mask):
        try:
            if mask & selectors.EVENT_WRITE:
                self.socket.send(b"I am %s\n" % self.name.encode())
                self.loop.selector.modify(self.socket, selectors.EVENT_READ, self)
            else:
                data = self.socket.recv(4096)
                if not data:
                    raise ConnectionError
                self.read(data)
        except OSError:
            self.lost()

    def read(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            text = line.decode()
            if text.startswith("Welcome to "):
                self.online = True
                self.loop.connected(text)
                self.loop.later(PING_S * random.uniform(0.5, 1), self.ping, self.socket)
            elif text != "PONG":
                print(f"{self.name}: {text}")

    def ping(self, own):
        if own is not self.socket:
            return
        try:
            self.socket.send(b"PING\n")
        except OSError:
            return
        self.loop.later(PING_S, self.ping, own)

    def lost(self):
        self.loop.selector.unregister(self.socket)
        self.socket.close()
        self.socket = None
        if self.online:
            self.loop.online -= 1
        self.online = False
        self.loop.later(random.uniform(0, ASK_AGAIN_S), self.connect)


class Loop:
    def __init__(self, host, port):
        self.route = http.client.HTTPConnection(host, port, timeout=5)
        self.selector = selectors.DefaultSelector()
        self.timers = []
        self.numbers = itertools.count()
        self.online = 0
        self.new = 0

    def ask(self):
        for _ in range(2):
            try:
                self.route.request("GET", "/route?count=1")
                answer = self.route.getresponse()
                body = answer.read()
                if answer.status != 200:
                    return None
                node = json.loads(body)["nodes"][0]
                return node["host"], node["port"]
            except (OSError, http.client.HTTPException):
                self.route.close()
        return None

    def later(self, seconds, task, *args):
        entry = (time.monotonic() + seconds, next(self.numbers), task, args)
        heapq.heappush(self.timers, entry)

    def connected(self, text):
        self.online += 1
        self.new += 1
        if len(sys.argv) < 5:
            print(text)

    def run(self):
        second = time.monotonic() + 1
        while True:
            for key, mask in self.selector.select(0.02):
                key.data.ready(mask)
            now = time.monotonic()
            while self.timers and self.timers[0][0] <= now:
                _, _, task, args = heapq.heappop(self.timers)
                task(*args)
            if now >= second:
                second += 1
                if len(sys.argv) > 4:
                    print(f"{self.new} came, {self.online} online")
                self.new = 0


def serve(connection, name):
    with connection, connection.makefile("rw", newline="\n") as lines:
        for line in lines:
            text = line.rstrip("\r\n")
            print(f"received {text}")
            if text == "PING":
                lines.write("PONG\n")
            elif text.startswith("I am "):
                lines.write(f"Welcome to {name}, {text[5:]}\n")
            lines.flush()


def answer_route(connection, node):
    with connection, connection.makefile("rb") as lines:
        while lines.readline() not in (b"\r\n", b"\n", b""):
            pass
        body = json.dumps({"ttlMs": 1000, "nodes": [node]}).encode()
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def accept(listener, task, *args):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=task, args=(connection, *args), daemon=True).start()


def main():
    role, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if role == "client":
        loop = Loop(host, port)
        for number in range(int(sys.argv[4]) if len(sys.argv) > 4 else 1):
            loop.later(0, Client(loop, f"c{number}").connect)
        loop.run()
    node = socket.create_server((host, 0))
    route = socket.create_server((host, port))
    place = {"host": host, "port": node.getsockname()[1], "connections": 0}
    print(f"{host}:{route.getsockname()[1]}")
    name = f"{host}:{place['port']}"
    threading.Thread(target=accept, args=(node, serve, name), daemon=True).start()
    accept(route, answer_route, place)


main()
