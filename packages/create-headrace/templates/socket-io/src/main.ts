// npm start, then open http://127.0.0.1:9000/ in two windows.
import { fileURLToPath } from 'node:url';
import { ServerMetrics } from '@headrace/handlers';
import { withHealth } from './health.ts';
import { readPageFiles } from './page-files.ts';
import { run } from './run.ts';
import { startServer } from './server.ts';
import { portSetting, textSetting } from './settings.ts';

await run(async () => {
  const host = textSetting('HOST', '127.0.0.1');
  const page = readPageFiles(fileURLToPath(new URL('page', import.meta.url)));
  const metrics = new ServerMetrics();
  const server = await startServer(host, portSetting('PORT', 9000), page, metrics);
  console.log(`listening on ${host}:${server.port}; open http://${host}:${server.port}/`);
  return withHealth(server, { ready: { listening: () => server.channel.isOpen }, metrics });
});
