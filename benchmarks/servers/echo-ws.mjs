// The ws library: every message goes back as one.
import { WebSocketServer } from 'ws';

const [port, host = '127.0.0.1'] = process.argv.slice(2);
const server = new WebSocketServer(
  { port: Number(port), host, perMessageDeflate: false, skipUTF8Validation: true },
  () => console.log('ready'),
);
server.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (message) => socket.send(message, { binary: true }));
});
