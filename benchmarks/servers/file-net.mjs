// The same with a stream of Node's.
import { createReadStream, readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';

const [port, host = '127.0.0.1', path, , folder] = process.argv.slice(2);
const send = (socket) => {
  socket.on('error', () => {});
  createReadStream(path).pipe(socket);
};
const server = folder
  ? tls.createServer(
      { key: readFileSync(`${folder}/key.pem`), cert: readFileSync(`${folder}/cert.pem`) },
      send,
    )
  : net.createServer({ noDelay: true }, send);
server.listen({ port: Number(port), host }, () => console.log('ready'));
