// The smallest echo server with the contract of a pipeline: node echo-contract.mjs PORT HOST [echo | text]
import net from 'node:net';
import * as contract from './contract.mjs';

const [port, host = '127.0.0.1', kind = 'echo'] = process.argv.slice(2);
const handlers = () => [
  new contract.Idle(),
  new contract.FrameDecoder(),
  new contract.Prepender(),
  kind === 'text' ? new contract.TextCodec() : new contract.PassThrough(),
  new contract.Echo(),
];
net
  .createServer({ noDelay: true }, (socket) => {
    const pipeline = new contract.Pipeline(socket, handlers());
    socket.on('error', () => {});
    socket.on('data', (chunk) => pipeline.received(chunk));
  })
  .listen({ port: Number(port), host, backlog: 1024 }, () => console.log('ready'));
