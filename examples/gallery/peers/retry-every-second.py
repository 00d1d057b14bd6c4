"""The server of retry-every-second: one client at a time, as the original has it.

retry-every-second.py server HOST PORT
"""
import socket
import sys


def serve(connection, address):
    with connection:
        print("Connected by", address)
        while True:
            data = connection.recv(1024)
            if not data:
                return
            print("Received", data.decode())
            if data != b"heartbeat":
                connection.sendall(data)


def main():
    _, role, host, port = sys.argv[:4]
    if role != "server":
        sys.exit(f"no role {role}")
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, int(port)))
    listener.listen(5)
    print("%s:%d" % listener.getsockname())
    while True:
        try:
            serve(*listener.accept())
        except ConnectionError as error:
            print("Lost", error, file=sys.stderr)


main()
