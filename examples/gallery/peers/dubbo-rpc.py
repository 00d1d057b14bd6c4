"""Both ends of dubbo-rpc, without Headrace.

dubbo-rpc.py server HOST PORT [LATE_MS [COUNT]]
    shuffles its answers, is late with one in a hundred, answers no name that begins with "hold", and no heartbeat if
    LATE_MS is 0; with COUNT it answers the first call of a connection, and then none before it has so many
dubbo-rpc.py client HOST PORT [COUNT]
    asks COUNT times at once, then what must be refused, then beats, each in lines of JSON and in hessian2
"""
import asyncio
import json
import random
import struct
import sys

HEAD = struct.Struct(">HBBQI")
MAGIC = 0xDABB
REQUEST, TWO_WAY, EVENT, SERIALIZATION, HESSIAN2 = 0x80, 0x40, 0x20, 6, 2
GOOD, BAD_REQUEST, NO_SERVICE = 20, 40, 60
SERVICE, METHOD = "demo.DemoService", "sayHello"
QUIET_SECONDS = 0.2


def pack(flags, status, number, *lines):
    body = "\n".join(json.dumps(line) for line in lines).encode()
    return HEAD.pack(MAGIC, flags | SERIALIZATION, status, number, len(body)) + body


def call(number, name, timeout, *more, service=SERVICE):
    head = ("2.0.2", service, "0.0.0", METHOD, "Ljava/lang/String;")
    return pack(REQUEST | TWO_WAY, 0, number, *head, name, *more, {"timeout": timeout})


def text(of):
    """A text of hessian2, of at most 1023 characters."""
    head = bytes([len(of)]) if len(of) < 32 else bytes([0x30 + (len(of) >> 8), len(of) & 255])
    return head + of.encode()


def hessian(flags, number, *texts, more=b""):
    body = b"".join(map(text, texts)) + more
    return HEAD.pack(MAGIC, flags | HESSIAN2, 0, number, len(body)) + body


def shown(flags, body):
    """A body in lines of JSON as it is; of one in hessian2 the text, which follows a 1 if it is an answer."""
    if flags & 31 != HESSIAN2:
        return body.decode()
    if body == b"N":
        return "N"
    if body[:1] == b"\x91":
        body = body[1:]
    return body[1 if body[0] < 32 else 2:].decode()


async def messages(reader):
    """Flags, status, id and body of each message, until the connection ends."""
    try:
        while True:
            magic, flags, status, number, length = HEAD.unpack(await reader.readexactly(HEAD.size))
            if magic != MAGIC:
                raise ValueError(f"no message of Dubbo: {magic:x}")
            yield flags, status, number, shown(flags, await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return


class Connection:
    """One client of the server."""

    def __init__(self, reader, writer, late_ms, at_once):
        self.reader, self.writer, self.late_ms, self.at_once = reader, writer, late_ms, at_once
        self.answers, self.held, self.count, self.flushed, self.timer = [], 0, 0, 0, None

    async def serve(self):
        print("connected")
        beats = 0
        async for flags, _status, number, body in messages(self.reader):
            if flags & EVENT:
                beats += flags & TWO_WAY > 0
                print("heartbeat" if flags & TWO_WAY else "event")
                if self.late_ms > 0 and flags & TWO_WAY:
                    self.writer.write(HEAD.pack(MAGIC, EVENT | HESSIAN2, GOOD, number, 1) + b"N")
            elif flags & REQUEST:
                self.take(number, [json.loads(line) for line in body.split("\n")])
        print(f"gone after {beats} heartbeats, {len(self.answers) + self.held} calls without an answer")
        self.writer.close()

    def take(self, number, lines):
        _version, service, _its_version, method, _types, name = lines[:6]
        if (service, method) != (SERVICE, METHOD):
            self.writer.write(pack(0, NO_SERVICE, number, f"no {service}"))
            return
        print(f"Hello {name}")
        self.count += 1
        answer = pack(0, GOOD, number, 1, f"Hello {name}")
        if name.startswith("hold"):
            self.held += 1
        elif self.count % 100 == 0:
            asyncio.get_running_loop().call_later(self.late_ms / 1000, self.writer.write, answer)
        else:
            self.answers.append(answer)
        if self.timer is not None:
            self.timer.cancel()
        # A client that stands still for a moment is quiet too: where the number is known, it counts.
        if self.at_once == 0 or self.flushed == 0:
            self.timer = asyncio.get_running_loop().call_later(QUIET_SECONDS, self.flush)
        elif self.count - self.flushed == self.at_once:
            self.flush()

    def flush(self):
        """Nothing more has come, or all: answers all that wait, in any order. Until now it has answered none of them."""
        print(f"{self.count - self.flushed} in flight")
        self.flushed = self.count
        random.shuffle(self.answers)
        self.writer.write(b"".join(self.answers))
        self.answers = []


async def serve(host, port, late_ms=6000, at_once=0):
    server = await asyncio.start_server(
        lambda reader, writer: Connection(reader, writer, late_ms, at_once).serve(), host, port
    )
    print("%s:%d" % server.sockets[0].getsockname()[:2])
    await server.serve_forever()


async def ask(host, port, count=1):
    reader, writer = await asyncio.open_connection(host, port)
    first = 2**63  # ids are Java longs, all of their bits may be used
    late = {n for n in range(count) if n % 100 == 99}
    for n in range(count):
        after = 1500 if n in late else random.randrange(1, 700)
        writer.write(call(first + n, f"name {n}", 1000 if n in late else 60_000, after))
    writer.write(call(1, "nobody", 1000, service="demo.NoService"))
    writer.write(call(2, {"toString": 1}, 1000))
    writer.write(pack(REQUEST | TWO_WAY, 0, 3, "no call"))
    writer.write(HEAD.pack(MAGIC, REQUEST | TWO_WAY | 2, 0, 4, 1) + b"N")
    writer.write(pack(REQUEST | TWO_WAY | EVENT, 0, 5, None))
    attachments = b"H" + text("timeout") + text("1000") + b"Z"
    hello = ("2.0.2", SERVICE, "0.0.0", METHOD, "Ljava/lang/String;")
    writer.write(hessian(REQUEST | TWO_WAY, 6, *hello, "hessian2", more=attachments))
    writer.write(hessian(REQUEST | TWO_WAY | EVENT, 7, more=b"N"))
    order = []
    async for flags, status, number, body in messages(reader):
        if flags & EVENT and flags & REQUEST:
            print("heartbeat")
            writer.write(HEAD.pack(MAGIC, flags & ~(REQUEST | TWO_WAY), GOOD, number, 1) + b"N")
            continue
        name = f"name {number - first}" if number >= first else f"id {number}"
        if number < first:
            print(f"{name}: event {body}" if flags & EVENT else f"{name}: {status} {body}")
        elif status == GOOD:
            print(json.loads(body.split("\n")[1]))
        else:
            print(f"{name}: {status} {body}")
        order.append(number)
        if len(order) == count + 7:
            shuffled = sum(a > b for a, b in zip(order, order[1:]))
            print(f"all answered, {shuffled} out of order")
    print("the connection is gone")


def main():
    role, host, port, *numbers = sys.argv[1:]
    run = {"server": serve, "client": ask}[role]
    try:
        asyncio.run(run(host, int(port), *map(int, numbers)))
    except KeyboardInterrupt:
        pass


main()
