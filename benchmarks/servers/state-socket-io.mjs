// A state by hand on Socket.IO: node benchmarks/servers/state-socket-io.mjs PORT HOST changes | joins
// A map, a room, the whole map to each member that comes, and then each change. Nothing is told to members that come back.
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { writeOften } from './written-state.mjs';

const [port, host = '127.0.0.1', work = 'changes'] = process.argv.slice(2);
const state = new Map();
let version = 0;
const set = (key, value) => {
  version += 1;
  state.set(key, { value, version });
};
if (work === 'joins') await writeOften(set);

const server = createServer();
// The load does not answer pings.
const io = new Server(server, { transports: ['websocket'], pingInterval: 600_000 });
io.on('connection', (socket) => {
  void socket.join('state');
  const entries = [...state].map(([key, { value, version: of }]) => ({ key, value, version: of }));
  socket.emit('state', { entries, version });
  socket.on('m', (text) => {
    set('key', text);
    io.to('state').emit('m', text);
  });
});
server.listen({ port: Number(port), host, backlog: 4096 }, () => console.log('ready'));
