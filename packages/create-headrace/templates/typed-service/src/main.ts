// npm start, then in a second terminal: npm run client -- ACME
import { withHealth } from './health.ts';
import { PriceList } from './price-list.ts';
import { type Running, run } from './run.ts';
import { servicePipeline, startServer } from './server.ts';
import { numberSetting, portSetting, textSetting, tlsSetting } from './settings.ts';

await run(async () => {
  const list = new PriceList();
  list.set('ACME', 42);
  const { connection, metrics } = servicePipeline(list, {
    callsPerSecond: numberSetting('CALLS_PER_SECOND', 50, { min: 1, max: 1_000_000 }),
  });
  const host = textSetting('HOST', '127.0.0.1');
  const place = { host, port: portSetting('PORT', 9000), ...tlsSetting() };
  const server = await startServer(place, { connection });
  console.log(`listening on ${host}:${server.port}; try: npm run client -- ACME`);
  const running: Running = {
    async shutdown(limits) {
      list.end();
      await server.shutdown(limits);
    },
  };
  return withHealth(running, { ready: { listening: () => server.channel.isOpen }, metrics });
});
