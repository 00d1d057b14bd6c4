// A mesh over two workers of node:cluster, with the register in the primary, for mesh-workers.net.test.ts. Each worker prints
// the number of nodes that it sees, once it sees three.
import cluster from 'node:cluster';
import { meshBus, meshRegister } from '@headrace/bus/mesh';
import { Cluster } from '@headrace/cluster';

const SEES_ALL = 'sees all';
const host = '127.0.0.1';
const bus = (port: number) => meshBus({ port: 0, register: [{ host, port }] });

async function join(port: number): Promise<Cluster> {
  const node = await Cluster.join({ app: 'workers', bus: bus(port) });
  while (node.nodes.length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
  return node;
}

if (cluster.isPrimary) {
  const register = await meshRegister({ port: 0 });
  let reports = 0;
  const reported = new Promise<void>((resolve) => {
    cluster.on('message', (_worker, text) => {
      // Workers also tell the primary what to publish for them when they are killed.
      if (text !== SEES_ALL) return;
      reports += 1;
      if (reports === 2) resolve();
    });
  });
  for (let i = 0; i < 2; i++) cluster.fork({ REGISTER: String(register.port) });
  const node = await join(register.port);
  console.log(node.nodes.length);
  await reported;
  for (const worker of Object.values(cluster.workers!)) worker!.process.kill('SIGKILL');
  await node.leave();
  await register.close();
} else {
  // A worker that fails would never report.
  process.on('unhandledRejection', (error) => {
    console.error(error);
    process.exit(1);
  });
  const node = await join(Number(process.env['REGISTER']));
  console.log(node.nodes.length);
  process.send!(SEES_ALL);
}
