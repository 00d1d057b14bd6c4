import { describeTransport } from '@headrace/core/testing';
import { Simulation } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';

// Without keepalive's timers, which would let two hours pass between two events.
const sim = new Simulation({ seed: 1, cutShare: 0 });
const server = sim.host('server', () => {});
const client = sim.host('client', () => {});
sim.link('client', 'server').latency({ minMs: 1, maxMs: 20 }).bandwidth(1e9);
sim.runFreely();

describeTransport(
  { describe, it, expect },
  {
    name: 'simulated',
    bind: () => ({ network: server, port: 0 }),
    connect: ({ port }) => ({ network: client, host: 'server', port: port! }),
    nobody: () => ({ network: client, host: 'server', port: 1 }),
    resets: true,
  },
);
