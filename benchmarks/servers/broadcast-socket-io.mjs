// Socket.IO, alone or with its Redis adapter: node benchmarks/servers/broadcast-socket-io.mjs PORT HOST [redis://…]
import { createServer } from 'node:http';
import { createClient } from '@redis/client';
import { createAdapter } from '@socket.io/redis-adapter';
import { Server } from 'socket.io';

const [port, host = '127.0.0.1', url] = process.argv.slice(2);

async function redisAdapter() {
  const publisher = createClient({ url });
  const subscriber = publisher.duplicate();
  for (const client of [publisher, subscriber]) client.on('error', () => {});
  await Promise.all([publisher.connect(), subscriber.connect()]);
  return createAdapter(publisher, subscriber);
}

const server = createServer();
const io = new Server(server, {
  transports: ['websocket'],
  // The load does not answer pings.
  pingInterval: 600_000,
  ...(url && { adapter: await redisAdapter() }),
});
io.on('connection', (socket) => socket.on('m', (text) => io.emit('m', text)));
server.listen({ port: Number(port), host, backlog: 4096 }, () => console.log('ready'));
