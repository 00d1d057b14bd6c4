// npm start, then in a second terminal: nc 127.0.0.1 9000
import { ServerMetrics } from 'headrace';
import { withHealth } from './health.ts';
import { startLineServer } from './line-server.ts';
import { run } from './run.ts';
import { numberSetting, portSetting, textSetting } from './settings.ts';

await run(async () => {
  const host = textSetting('HOST', '127.0.0.1');
  const metrics = new ServerMetrics();
  const server = await startLineServer(host, portSetting('PORT', 9000), {
    idleMs: numberSetting('IDLE_SECONDS', 300, { min: 1, max: 86_400 }) * 1000,
    metrics,
    maxConnections: numberSetting('MAX_CONNECTIONS', 10_000, { min: 1, max: 1_000_000 }),
  });
  console.log(`listening on ${host}:${server.port}; try: nc ${host} ${server.port}`);
  return withHealth(server, { ready: { listening: () => server.channel.isOpen }, metrics });
});
