// The raw loop: every frame is written unchanged to every socket.
import net from 'node:net';

const sockets = new Set();
const [port, host = '127.0.0.1'] = process.argv.slice(2);
net
  .createServer({ noDelay: true }, (socket) => {
    let rest;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const input = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
      rest = undefined;
      let at = 0;
      while (input.length - at >= 4) {
        const end = at + 4 + input.readUInt32BE(at);
        if (input.length < end) break;
        const frame = input.subarray(at, end);
        at = end;
        for (const each of sockets) each.write(frame);
      }
      if (at < input.length) rest = input.subarray(at);
    });
  })
  .listen({ port: Number(port), host, backlog: 4096 }, () => console.log('ready'));
