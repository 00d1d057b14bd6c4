// npm start, then in a second terminal: npm run client -- ACME
import { serveHealth } from '@headrace/handlers/health';
import { PriceList } from './price-list.ts';
import { run } from './run.ts';
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
  const health = await serveHealth({
    host,
    port: portSetting('HEALTH_PORT', 9464),
    metrics,
    ready: { listening: () => server.channel.isOpen },
  });
  console.log(`health and metrics: http://${host}:${health.port}/readyz, /healthz, /metrics`);
  console.log(`listening on ${host}:${server.port}; try: npm run client -- ACME`);
  return {
    async shutdown() {
      health.drain(); // no new clients are sent
      list.end();
      await server.shutdown();
      await health.close();
      metrics.dispose();
    },
  };
});
