// A connection taken out of a pool and given back; the goal is what tarn 3 needs on the same machine.
import { ChannelPool } from '@headrace/client';
import { Bootstrap, MemoryNetwork, ServerBootstrap } from '@headrace/core';
import { report } from './measure.mjs';

const OPERATIONS = 200_000;

const network = new MemoryNetwork();
const server = await new ServerBootstrap().childHandler(() => {}).bind({ network, name: 'db' });
const pool = new ChannelPool({
  bootstrap: new Bootstrap().handler(() => {}),
  place: { network, name: 'db' },
});
const values = [];
for (let round = -3; round < Number(process.env.BENCH_ROUNDS ?? 7); round += 1) {
  const before = process.cpuUsage();
  for (let i = 0; i < OPERATIONS; i += 1) {
    const lease = await pool.acquire();
    lease.release();
  }
  const { user, system } = process.cpuUsage(before);
  if (round >= 0) values.push(((user + system) * 1000) / OPERATIONS);
}
report('acquire and release of a pool', 'ns per use', values, 1400);
await pool.close();
await server.shutdown();
