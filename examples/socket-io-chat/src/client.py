# The client of Socket.IO for Python: python3 client.py NAME ROOM [URL]. It says each line of its input.
import sys
import threading
import socketio
name, room, url = (sys.argv[1:] + ['http://127.0.0.1:18894'])[:3]
client = socketio.Client()
joined = threading.Event()


def has_joined(others):
    print(f'in the {room}, with {others} others', flush=True)
    joined.set()


@client.event
def connect():
    # After each connect, because this client does not recover its rooms.
    client.emit('join', room, callback=has_joined)


@client.on('said')
def said(who, text, *_offset):  # the end of each event, with `recovery`
    print(f'{who}: {text}', flush=True)


client.connect(url, auth={'name': name})
joined.wait()
for line in sys.stdin:
    print('heard by', client.call('say', line.strip()), flush=True)
client.disconnect()
