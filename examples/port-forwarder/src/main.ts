// npm start -- 8080 example.org:80       (in this folder)
// then, in another terminal: curl -H 'host: example.org' http://127.0.0.1:8080/
import { addressText } from '@headrace/core/authoring';
import { startForwarder } from './port-forwarder.ts';

const [port, target = ''] = process.argv.slice(2);
const [, host, targetPort] = /^(.+):(\d+)$/.exec(target) ?? [];

if (port === undefined || host === undefined) {
  console.error('usage: npm start -- PORT HOST:PORT');
  process.exitCode = 1;
} else {
  try {
    const to = { host, port: Number(targetPort) };
    const server = await startForwarder({ port: Number(port), to });
    console.log(`forwarding ${addressText(server.address)} to ${target}`);
    process.once('SIGINT', () => void server.close().then(() => process.exit(0)));
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
