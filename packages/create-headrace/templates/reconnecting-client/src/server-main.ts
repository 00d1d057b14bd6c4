// npm run server: a server to try the client on.
import { run } from './run.ts';
import { startServer } from './server.ts';
import { portSetting, textSetting } from './settings.ts';

await run(async () => {
  const host = textSetting('HOST', '127.0.0.1');
  const server = await startServer(host, portSetting('PORT', 9000));
  server.on('connection', (channel) => console.log('connected', channel.remoteAddress));
  console.log(`listening on ${host}:${server.port}; try: nc ${host} ${server.port}`);
  return server;
});
