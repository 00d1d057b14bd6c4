# The heartbeat system in Python: python-heartbeat.py server|client HOST PORT [INTERVAL [MODE]]
# INTERVAL is in seconds. MODE is for the client: `glued` sends two objects at once, `split` one in three parts,
# `early` leaves before the first object, `silent` sends one object and then nothing more.
import json
import os
import socket
import sys
import threading
import time


def serve_client(connection, address):
    ip, waiting = address[0], ""
    try:
        connection.sendall(b"Welcome to the server!")
        while True:
            received = connection.recv(4096)
            if not received:
                break
            waiting += received.decode()
            while waiting:
                try:
                    beat, end = json.JSONDecoder().raw_decode(waiting)
                except json.JSONDecodeError:
                    break
                waiting = waiting[end:]
                ip = beat["ip"]
                print(f"ip: {ip} |status: {beat['status']} |pid: {beat['pid']}")
    except OSError:
        pass
    connection.close()
    print(f"One Client (IP: {ip}) Connected over!")


def serve(host, port):
    with socket.create_server((host, port), backlog=10) as listener:
        print(f"{host}:{listener.getsockname()[1]}", flush=True)
        while True:
            connection, address = listener.accept()
            threading.Thread(target=serve_client, args=(connection, address), daemon=True).start()


def connect(host, port, interval, mode):
    with socket.create_connection((host, port)) as connection:
        print(connection.recv(4096).decode())
        if mode == "early":
            return
        ip = connection.getsockname()[0]
        beat = json.dumps({"ip": ip, "status": "alive", "pid": os.getpid()}).encode()
        while True:
            if mode == "split":
                for part in (beat[:7], beat[7:20], beat[20:]):
                    connection.sendall(part)
                    time.sleep(0.05)
            else:
                connection.sendall(beat + beat if mode == "glued" else beat)
            if mode == "silent":
                time.sleep(3600)
            time.sleep(interval)


def main():
    role, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if role == "server":
        serve(host, port)
    else:
        interval = float(sys.argv[4]) if len(sys.argv) > 4 else 50
        connect(host, port, interval, sys.argv[5] if len(sys.argv) > 5 else "")


try:
    main()
except KeyboardInterrupt:
    pass
except OSError as error:
    sys.exit(f"{error.strerror}")
