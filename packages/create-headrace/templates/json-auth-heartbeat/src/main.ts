// npm start, then in a second terminal: npm run client -- ann
import { ServerMetrics } from 'headrace';
import { withHealth } from './health.ts';
import { run } from './run.ts';
import { startRoom } from './server.ts';
import { numberSetting, portSetting, textSetting } from './settings.ts';

await run(async () => {
  const host = textSetting('HOST', '127.0.0.1');
  const metrics = new ServerMetrics();
  const server = await startRoom(host, portSetting('PORT', 9000), {
    metrics,
    token: textSetting('TOKEN', 'secret'),
    silenceMs: numberSetting('SILENCE_SECONDS', 60, { min: 15, max: 86_400 }) * 1000,
  });
  const port = server.port === 9000 ? '' : `PORT=${server.port} `;
  console.log(`listening on ${host}:${server.port}; try: ${port}npm run client -- ann`);
  return withHealth(server, { ready: { listening: () => server.channel.isOpen }, metrics });
});
