// npm run client -- ACME: prints the price whenever it changes; a number that you type is the new one.
import { createInterface } from 'node:readline';
import { makeClient } from './client.ts';
import { run } from './run.ts';
import { prices } from './service.ts';
import { clientTlsSetting, portSetting, textSetting } from './settings.ts';

const symbol = process.argv[2] ?? 'ACME';

await run(async () => {
  const host = textSetting('HOST', '127.0.0.1');
  const { api, follow, connection, close } = makeClient({
    addresses: [{ host, port: portSetting('PORT', 9000), ...clientTlsSetting() }],
  });
  connection.on('loss', ({ error }) => console.log(`no connection: ${error.message}`));
  createInterface({ input: process.stdin }).on('line', (line) => {
    api.change({ symbol, price: Number(line) }).catch((error: Error) => {
      console.log(`not changed: ${prices.errorName(error) ?? error.message}`);
    });
  });
  const print = async (): Promise<void> => {
    for await (const { price } of follow(symbol)) console.log(`${symbol} ${price}`);
  };
  print().catch((error: Error) => console.log(`no more prices: ${error.message}`));
  return { shutdown: close };
});
