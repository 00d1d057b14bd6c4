// The peer to beat by hand for texts: each frame becomes a string, and the strings of one read are answered in one Buffer.
import net from 'node:net';

const [port, host = '127.0.0.1'] = process.argv.slice(2);
net
  .createServer({ noDelay: true }, (socket) => {
    let rest;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const input = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
      rest = undefined;
      const texts = [];
      let at = 0;
      while (input.length - at >= 4) {
        const length = input.readUInt32BE(at);
        if (length > 1 << 20) return socket.destroy();
        if (input.length - at - 4 < length) break;
        texts.push(input.utf8Slice(at + 4, at + 4 + length));
        at += 4 + length;
      }
      if (at < input.length) rest = input.subarray(at);
      if (at === 0) return;
      const output = Buffer.allocUnsafe(at);
      let end = 0;
      for (const text of texts) {
        const length = output.utf8Write(text, end + 4);
        output.writeUInt32BE(length, end);
        end += 4 + length;
      }
      socket.write(output.subarray(0, end));
    });
  })
  .listen({ port: Number(port), host, backlog: 1024 }, () => console.log('ready'));
