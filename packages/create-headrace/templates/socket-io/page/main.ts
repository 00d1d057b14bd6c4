// The page: an app with the client of Socket.IO, and nothing of Headrace. Its events have the types of the server's.
import { io, type Socket } from 'socket.io-client';
import { type ClientToServer, ROOMS, type Room, type ServerToClient } from '../src/events.ts';

const find = <E extends Element>(selector: string): E => document.querySelector<E>(selector)!;
const join = find<HTMLFormElement>('#join');
const say = find<HTMLFormElement>('#say');
const log = find<HTMLUListElement>('ul');
const field = (form: HTMLFormElement, name: string) => String(new FormData(form).get(name));

for (const room of ROOMS) find<HTMLSelectElement>('select').add(new Option(room));

/** Older ones go: a page may stay open for days. */
const MAX_LINES = 500;

function note(text: string): void {
  const line = document.createElement('li');
  line.textContent = text;
  log.prepend(line);
  while (log.childElementCount > MAX_LINES) log.lastElementChild?.remove();
}

function show(state: string): void {
  find('#state').textContent = state;
}

const socket: Socket<ServerToClient, ClientToServer> = io({
  autoConnect: false,
  auth: (send) => send({ name: field(join, 'name') }),
});

function enter(): void {
  const room = field(join, 'room') as Room;
  socket.emit('join', room, (others) => {
    show(`● ${room}, with ${others.join(', ') || 'nobody'}`);
  });
}

socket.on('connect', () => {
  if (socket.recovered) show(`● ${field(join, 'room')}`);
  else enter();
});
socket.on('connect_error', ({ message }) => show(`○ ${message}`));
socket.on('disconnect', (reason) => show(`○ ${reason}`));
socket.on('came', (name) => note(`${name} is here`));
socket.on('said', (name, text) => note(`${name}: ${text}`));

join.addEventListener('submit', (event) => {
  event.preventDefault();
  if (socket.connected) enter();
  else socket.connect();
});
say.addEventListener('submit', (event) => {
  event.preventDefault();
  const text = field(say, 'text');
  socket
    .timeout(5000)
    .emitWithAck('say', text)
    .then((heard) => note(`you: ${text} (to ${heard})`))
    .catch(() => note(`not sent: ${text}`));
  say.reset();
});
