// npm start, then in a second terminal: npm run device -- pump-7
import { createInterface } from 'node:readline';
import { ServerMetrics, secretsEqual } from '@headrace/handlers';
import { DeviceGateway } from './gateway.ts';
import { withHealth } from './health.ts';
import { run } from './run.ts';
import { numberSetting, portSetting, textSetting } from './settings.ts';

await run(async () => {
  const secret = textSetting('TOKEN', 'secret');
  const metrics = new ServerMetrics();
  const gateway = new DeviceGateway({
    metrics,
    authenticate: (_device, token) => secretsEqual(token, secret),
    silenceMs: numberSetting('SILENCE_SECONDS', 60, { min: 1, max: 86_400 }) * 1000,
  });
  gateway.on('online', (device) => console.log(`${device} is online`));
  gateway.on('offline', (device) => console.log(`${device} is offline`));
  gateway.on('telemetry', (device, params) => console.log(device, params));

  const host = textSetting('HOST', '127.0.0.1');
  const server = await gateway.listen(host, portSetting('PORT', 9000));
  const port = server.port === 9000 ? '' : `PORT=${server.port} `;
  console.log(`listening on ${host}:${server.port}; try: ${port}npm run device -- pump-7`);
  console.log('then type a command here: pump-7 open');

  createInterface({ input: process.stdin }).on('line', (line) => {
    const [device = '', method = ''] = line.trim().split(/\s+/);
    if (method === '') return console.log(`DEVICE COMMAND; online: ${gateway.online().join(' ')}`);
    gateway.command(device, method).then(
      (result) => console.log(`${device} answers`, result),
      (error: Error) => console.log(`${device} ${method}: ${error.message}`),
    );
  });
  return withHealth(server, { ready: { listening: () => server.channel.isOpen }, metrics });
});
