// Socket.IO, alone or with one of its Redis adapters: node benchmarks/servers/broadcast-socket-io.mjs PORT HOST [redis://… [streams]]
import { createServer } from 'node:http';
import { createClient } from '@redis/client';
import { createAdapter } from '@socket.io/redis-adapter';
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter';
import { Server } from 'socket.io';

const [port, host = '127.0.0.1', url, kind] = process.argv.slice(2);

async function redisClient() {
  const client = createClient({ url });
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function redisAdapter() {
  if (kind === 'streams') return createStreamsAdapter(await redisClient());
  return createAdapter(await redisClient(), await redisClient());
}

const server = createServer();
const io = new Server(server, {
  transports: ['websocket'],
  // The load does not answer pings.
  pingInterval: 600_000,
  ...(url && { adapter: await redisAdapter() }),
});
io.on('connection', (socket) => {
  socket.on('m', (text) => io.emit('m', text));
  socket.on('echo', (text, answer) => answer(text));
});
server.listen({ port: Number(port), host, backlog: 4096 }, () => console.log('ready'));
