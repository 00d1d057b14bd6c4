# A client of Swoole's UDP server: python3 many-processes-udp.py packet-py HOST PORT [COUNT]
import socket
import sys

host, port = sys.argv[2], int(sys.argv[3])
count = int(sys.argv[4]) if len(sys.argv) > 4 else 1
family = socket.AF_INET6 if ":" in host else socket.AF_INET
client = socket.socket(family, socket.SOCK_DGRAM)
client.settimeout(1)
for i in range(1, count + 1):
    for attempt in range(30):
        client.sendto(b"hello %d" % i, (host, port))
        try:
            data, server = client.recvfrom(65535)
            break
        except OSError:
            continue
    else:
        sys.exit(1)
    print(data.decode())
