// Connections in some processes, their logic in others: `npm start`, then `telnet 127.0.0.1 8282` in two windows.
// Kill a worker, and no connection notices; kill a gateway, and its connections end; kill the register, and nothing
// happens. Ports: GATEWAY_PORT, REGISTER_PORT, MESH_PORT and API_PORT; other programs publish by the last one, with API_KEY.
// The nodes need no server. CLUSTER_BUS=nats://127.0.0.1:4222 or redis://127.0.0.1:6379 uses one.
import cluster from 'node:cluster';
import { stderrLogger } from '@headrace/core';
import { freePort, runWorkers } from '@headrace/workers';
import { startApiNode } from './api-node.ts';
import { startGateway } from './gateway-node.ts';
import { apiFrom, HOST, portsFrom } from './ports.ts';
import { startRegister } from './register-node.ts';
import { startWorker } from './worker-node.ts';

const ROLES = ['register', 'gateway', 'gateway', 'worker', 'worker', 'api'] as const;

const roleOf = (number: number) => ROLES[number - 1]!;
/** `gateway 2`: the second one of its role. */
const nameOf = (number: number): string => {
  const before = ROLES.slice(0, number).filter((role) => role === roleOf(number)).length;
  return `${roleOf(number)} ${before}`;
};

// The reader of the output may go, as `head` does: the service goes on without it.
process.stdout.on('error', () => {});
try {
  const { env } = process;
  const ports = portsFrom(env);
  const api = apiFrom(env);
  const isKeyRandom = !env['API_KEY'];
  if (cluster.isPrimary) {
    env['GATEWAY_PORT'] = String(await freePort(HOST, ports.gateway));
    env['REGISTER_PORT'] = String(await freePort(HOST, ports.register));
    env['MESH_PORT'] = String(await freePort(HOST, ports.mesh));
    env['API_PORT'] = String(await freePort(HOST, api.port));
    env['API_KEY'] = api.key;
  }
  let isListening = false;
  const workers = await runWorkers({
    count: ROLES.length,
    logger: stderrLogger('warn'),
    start: ({ number }) => {
      const { gateway, register, mesh } = ports;
      const role = roleOf(number);
      if (role === 'register') return startRegister(register, mesh);
      if (role === 'gateway') return startGateway(gateway, mesh);
      return role === 'worker' ? startWorker(mesh) : startApiNode(api, mesh);
    },
    onWorker: (event) => {
      if (isListening && event.type === 'started') {
        console.log(`${nameOf(event.number)}: process ${event.pid}`);
      }
    },
  });
  isListening = true;
  console.log(`listening tcp://${HOST}:${env['GATEWAY_PORT']}`);
  for (const { number, pid } of workers.list()) console.log(`${nameOf(number)}: process ${pid}`);
  console.log(`register http://${HOST}:${env['REGISTER_PORT']}/route`);
  console.log(`api http://${HOST}:${env['API_PORT']}/`);
  if (isKeyRandom) console.log(`api key ${api.key}`);
} catch (error) {
  console.error(`gateway-worker: ${(error as Error).message}`);
  process.exit(1);
}
