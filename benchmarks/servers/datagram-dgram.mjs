// Datagrams echoed by node:dgram alone; failures are looked at, as a server must.
import dgram from 'node:dgram';

const [port, host = '127.0.0.1'] = process.argv.slice(2);
const socket = dgram.createSocket('udp4');
const sent = (error) => {
  if (error !== null) console.error(error);
};
socket.on('message', (bytes, { address, port: from }) => socket.send(bytes, from, address, sent));
socket.bind(Number(port), host, () => console.log('ready'));
