// The peer to beat by hand: frames found in place, the replies of one read copied into one Buffer, one write.
import net from 'node:net';

const [port, host = '127.0.0.1'] = process.argv.slice(2);
net
  .createServer({ noDelay: true }, (socket) => {
    let rest;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const input = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
      rest = undefined;
      const output = Buffer.allocUnsafe(input.length);
      let at = 0;
      let written = 0;
      while (input.length - at >= 4) {
        const length = input.readUInt32BE(at);
        if (length > 1 << 20) return socket.destroy();
        if (input.length - at - 4 < length) break;
        const body = input.subarray(at + 4, at + 4 + length);
        at += 4 + length;
        output.writeUInt32BE(length, written);
        output.set(body, written + 4);
        written += 4 + length;
      }
      if (at < input.length) rest = input.subarray(at);
      if (written > 0) socket.write(output.subarray(0, written));
    });
  })
  .listen({ port: Number(port), host, backlog: 1024 }, () => console.log('ready'));
