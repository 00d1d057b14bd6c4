// The ws library alone: node benchmarks/servers/ws.mjs PORT HOST [echo | all] [deflate]
// A message goes back as one, or with `all` to every connection, its sender included. uWebSockets.js is not compared: npm
// does not have it.
import { WebSocketServer } from 'ws';

const [port, host = '127.0.0.1', reach = 'echo', compression] = process.argv.slice(2);
const perMessageDeflate = compression === 'deflate' && { serverNoContextTakeover: true };
const server = new WebSocketServer(
  { port: Number(port), host, backlog: 4096, perMessageDeflate, skipUTF8Validation: true },
  () => console.log('ready'),
);
server.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (message, binary) => {
    if (reach === 'echo') socket.send(message, { binary });
    else for (const member of server.clients) member.send(message, { binary });
  });
});
