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
