// A bare net.Server with many connections that do nothing: what a connection costs at least.
import net from 'node:net';

const [port, host = '127.0.0.1'] = process.argv.slice(2);
net
  .createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => socket.write(chunk));
  })
  .listen({ port: Number(port), host, backlog: 4096 }, () => console.log('ready'));
