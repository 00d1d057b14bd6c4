// npm start -- server 5600 stored.log             (in this folder), then in another terminal:
// npm start -- ship app.log 127.0.0.1:5600
import { appendFileSync } from 'node:fs';
import { startLogServer } from './log-server.ts';
import { shipLog } from './log-shipper.ts';

const [role, first, second] = process.argv.slice(2);
const end = new AbortController();
process.once('SIGINT', () => end.abort());
if (role === 'server' && first !== undefined && second !== undefined) {
  const server = await startLogServer({
    port: Number(first),
    store: (bytes) => appendFileSync(second, bytes),
  });
  console.log(`port ${server.port}, stores in ${second}`);
  end.signal.addEventListener('abort', () => void server.shutdown());
} else if (role === 'ship' && first !== undefined && second !== undefined) {
  const [host = '', port = ''] = second.split(':');
  const options = { path: first, placePath: `${first}.place`, signal: end.signal };
  await shipLog({ ...options, server: { host, port: Number(port) } });
} else {
  console.error('usage: npm start -- server PORT FILE, or npm start -- ship FILE HOST:PORT');
  process.exitCode = 2;
}
