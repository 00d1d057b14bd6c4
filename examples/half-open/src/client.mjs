// Connects to each port and answers pings, with nothing but Node: the peer of a server need not be Headrace.
import net from 'node:net';

const [host, ...ports] = process.argv.slice(2);
let connected = 0;
for (const port of ports) {
  const socket = net.connect({ host, port: Number(port) });
  socket.setEncoding('utf8').on('data', (text) => {
    for (const line of text.split('\n')) if (line === 'PING') socket.write('PONG\n');
  });
  socket.on('connect', () => {
    connected += 1;
    if (connected === ports.length) console.log(JSON.stringify({ connected }));
  });
  socket.on('error', () => {});
}
setInterval(() => {}, 60_000);
