// What is written at first: concatenate, slice, one write for each frame.
import net from 'node:net';

const [port, host = '127.0.0.1'] = process.argv.slice(2);
net
  .createServer({ noDelay: true }, (socket) => {
    let input = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      input = Buffer.concat([input, chunk]);
      while (input.length >= 4) {
        const length = input.readUInt32BE(0);
        if (input.length < 4 + length) break;
        const body = input.subarray(4, 4 + length);
        input = input.subarray(4 + length);
        const header = Buffer.alloc(4);
        header.writeUInt32BE(length);
        socket.write(Buffer.concat([header, body]));
      }
    });
  })
  .listen({ port: Number(port), host, backlog: 1024 }, () => console.log('ready'));
