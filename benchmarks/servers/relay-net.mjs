// The same with two pipes of node:net.
import net from 'node:net';

const [port, host = '127.0.0.1', target] = process.argv.slice(2);
net
  .createServer({ noDelay: true, allowHalfOpen: true }, (front) => {
    const back = net.connect({ port: Number(target), host, noDelay: true, allowHalfOpen: true });
    front.pipe(back).pipe(front);
    front.on('error', () => back.destroy());
    back.on('error', () => front.destroy());
  })
  .listen({ port: Number(port), host, backlog: 1024 }, () => console.log('ready'));
