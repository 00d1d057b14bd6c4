// The page: an app with the client of Socket.IO, and nothing of Headrace.
import { io, type Socket } from 'socket.io-client';
import type { ClientToServer, Room, ServerToClient } from './events.ts';

const find = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const [name, text] = [find<HTMLInputElement>('name'), find<HTMLInputElement>('text')];
const room = find<HTMLSelectElement>('room');
const show = (status: string) => {
  find('status').textContent = status;
};
const add = (line: string) => {
  find('lines').appendChild(document.createElement('li')).textContent = line;
};

const socket: Socket<ServerToClient, ClientToServer> = io({
  autoConnect: false,
  auth: (send) => send({ name: name.value }),
  reconnectionDelayMax: 1000,
});
/** An answer that is lost with its connection says so. */
const lost = ({ message }: Error) => show(`not connected: ${message}`);
const join = () =>
  socket
    .emitWithAck('join', room.value as Room)
    .then((others) => show(`in the ${room.value}, with ${others} others`))
    .catch(lost);
socket.on('connect', () => {
  if (socket.recovered) show(`back in the ${room.value}`);
  else void join();
});
socket.on('connect_error', lost);
socket.on('disconnect', (reason) => show(`not connected: ${reason}`));
socket.on('said', (from, line) => add(`${from}: ${line}`));

find('enter').addEventListener('submit', (event) => {
  event.preventDefault();
  if (socket.connected) void join();
  else socket.connect();
});
find('talk').addEventListener('submit', (event) => {
  event.preventDefault();
  const line = text.value;
  text.value = '';
  socket
    .emitWithAck('say', line)
    .then((heard) => add(`you: ${line} (heard by ${heard})`))
    .catch(lost);
});
