// npm start, then open http://127.0.0.1:9000/, and in a second terminal: nc 127.0.0.1 9000
import { ServerMetrics } from '@headrace/handlers';
import { withHealth } from './health.ts';
import { run } from './run.ts';
import { startServer } from './server.ts';
import { numberSetting, portSetting, textSetting } from './settings.ts';

await run(async () => {
  const host = textSetting('HOST', '127.0.0.1');
  const metrics = new ServerMetrics();
  const server = await startServer(host, portSetting('PORT', 9000), {
    metrics,
    idleMs: numberSetting('IDLE_SECONDS', 600, { min: 1, max: 86_400 }) * 1000,
  });
  const { port } = server;
  console.log(`listening on ${host}:${port}; try: http://${host}:${port}/ and nc ${host} ${port}`);
  return withHealth(server, { ready: { listening: () => server.channel.isOpen }, metrics });
});
