// npm start: connects to ADDRESS, and again whenever the connection is lost. What you type is sent.
import { createInterface } from 'node:readline';
import { makeClient, readAddresses, stateText } from './client.ts';
import { withHealth } from './health.ts';
import { run } from './run.ts';
import { textSetting } from './settings.ts';

await run(async () => {
  const address = textSetting('ADDRESS', '127.0.0.1:9000');
  const client = makeClient({
    addresses: readAddresses(address),
    onLine: (line) => console.log(`< ${line}`),
  });
  console.log(
    `for ${address}; no server? In a second terminal: npm run server, then stop it with Ctrl+C`,
  );
  client.on('state', (state) => console.log(stateText(state)));
  void client.start(); // goes on trying, whatever happens
  createInterface({ input: process.stdin }).on('line', (line) => {
    client.writeAndFlush(line).onSettled((error) => {
      if (error !== undefined) console.log(`not sent: ${error.message}`);
    });
  });
  const ready = { online: () => client.state.name === 'online' };
  return withHealth({ shutdown: () => client.close() }, { ready });
});
