// npm start -- 5514       (in this folder), then in another terminal:
// logger --server 127.0.0.1 --port 5514 --udp 'hello'
import { addressText } from '@headrace/core/authoring';
import { startReceiver } from './syslog-receiver.ts';

const port = Number(process.argv[2] ?? 5514);
const receiver = await startReceiver({
  port,
  // A line of JSON: nothing that a stranger sends can begin another line, or move the cursor.
  onMessage: (message, { remoteAddress }) =>
    console.log(JSON.stringify({ from: remoteAddress && addressText(remoteAddress), ...message })),
});
console.log(`port ${receiver.port}, UDP and TCP`);
process.once('SIGINT', () => void receiver[Symbol.asyncDispose]().then(() => process.exit(0)));
