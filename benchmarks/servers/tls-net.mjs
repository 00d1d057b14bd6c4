// The peer for TLS, written by hand on node:tls; a frame is as long as its header says, as in the others.
import { readFileSync } from 'node:fs';
import tls from 'node:tls';

const [port, host = '127.0.0.1', folder = '.'] = process.argv.slice(2);
const key = readFileSync(`${folder}/key.pem`);
const cert = readFileSync(`${folder}/cert.pem`);
tls
  .createServer({ key, cert, noDelay: true }, (socket) => {
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
  .listen({ port: Number(port), host }, () => console.log('ready'));
