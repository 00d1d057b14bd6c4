// npm start --prefix examples/long-connection-server       (or: npm start, in this folder)
// then, in another terminal: nc 127.0.0.1 18888, and type AUTH:ann
import { createInterface } from 'node:readline';
import { LongConnectionServer } from './long-connection-server.ts';

const { NETTY_TCP_ENABLE: enable = 'true', NETTY_TCP_PORT: port = '18888' } = process.env;

if (enable === 'true') {
  try {
    const server = new LongConnectionServer({ port: Number(port) });
    console.log(`listening tcp://127.0.0.1:${await server.start()}`);
    createInterface({ input: process.stdin }).on('line', (line) => server.broadcast(line));
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => void server.stop().then(() => process.exit(0)));
    }
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
