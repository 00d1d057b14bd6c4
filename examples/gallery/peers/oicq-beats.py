# A messenger's client that beats at a fixed interval, and a server for it, with plain sockets.
# python3 oicq-beats.py client HOST PORT ID [SECONDS], or server HOST PORT
import os
import select
import socket
import sys
import time

role, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

if role == "server":
    sock.bind((host, port))
    print("%s:%d" % sock.getsockname(), flush=True)
    users, names, cookies, late = {}, {}, {}, []
    while True:
        wait = max(0, late[0][0] - time.monotonic()) if late else None
        ready, _, _ = select.select([sock], [], [], wait)
        now = time.monotonic()
        while late and late[0][0] <= now:
            _, ms, place = late.pop(0)
            sock.sendto(b"LATE %s" % ms, place)
        if not ready:
            continue
        data, place = sock.recvfrom(65535)
        word, _, rest = data.partition(b" ")
        if word == b"LOGIN":
            user, _, cookie = rest.partition(b" ")
            own = cookies.setdefault(place, os.urandom(2).hex().encode())
            if cookie == own:
                users[user], names[place] = place, user
                print(user.decode(), "is there", flush=True)
                sock.sendto(b"OK %s:%d" % (place[0].encode(), place[1]), place)
            else:
                sock.sendto(b"C " + own, place)
        elif place not in names:
            sock.sendto(b"WHO", place)
        elif word == b"BEAT":
            sock.sendto(b"BEAT", place)
        elif word == b"PROBE":
            late.append((now + int(rest) / 1000, rest, place))
            late.sort()
        elif word == b"TO":
            user, _, text = rest.partition(b" ")
            if user in users:
                sock.sendto(b"FROM %s %s" % (names[place], text), users[user])

user = sys.argv[4].encode()
seconds = float(sys.argv[5]) if len(sys.argv) > 5 else 60
sock.connect((host, port))
sock.send(b"LOGIN " + user)
while True:
    ready, _, _ = select.select([sock, sys.stdin], [], [], seconds)
    if not ready:
        sock.send(b"BEAT")
    if sys.stdin in ready:
        line = sys.stdin.readline()
        if not line:
            break
        sock.send(line.rstrip("\n").encode())
    if sock in ready:
        data = sock.recv(65535)
        print(data.decode(), flush=True)
        if data.startswith(b"C "):
            sock.send(b"LOGIN %s %s" % (user, data[2:]))
        elif data == b"WHO":
            sock.send(b"LOGIN " + user)
