import { describeDatagramTransport } from '@headrace/core/testing';
import { Simulation } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';

const sim = new Simulation({ seed: 1 });
const server = sim.host('server', () => {});
const client = sim.host('client', () => {});
sim.runFreely();

describeDatagramTransport(
  { describe, it, expect },
  { name: 'simulated', network: server, other: client, host: 'server' },
);

it.each([
  ['EADDRNOTAVAIL', { host: '10.9.9.9', groups: [] }],
  ['EINVAL', { host: undefined, groups: [{ group: '10.0.0.1' }] }],
  ['EADDRINUSE', { host: undefined, groups: [{ group: '224.0.0.1' }, { group: '224.0.0.1' }] }],
])('refuses with %s what it has not', async (code, place) => {
  const socket = server.datagramSocket({ port: 0, ...place } as never, {} as never);
  const error = await new Promise((resolve) => {
    const user = { failed: resolve, bound: () => resolve('bound') };
    socket.open(user as never);
  });
  expect(error).toMatchObject({ code });
});
