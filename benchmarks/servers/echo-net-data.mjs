// The least that a server on net can do: every chunk goes back as it came, no frames.
import net from 'node:net';

const [port, host = '127.0.0.1'] = process.argv.slice(2);
net
  .createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => socket.write(chunk));
  })
  .listen({ port: Number(port), host, backlog: 1024 }, () => console.log('ready'));
