import { Simulation } from '@headrace/simulation';
import { expect, it } from 'vitest';
import { joinFrom } from './cluster-world.ts';
import { runBroker } from './simulated-broker.ts';

/** 19 MB: more than a bus takes before it has shown that it passed on what came before. */
const IDS = 150_000;
const PADDING = 'x'.repeat(120);

it('a presence of 19 MB reaches the other nodes whole at its first flush, and nothing of it is dropped', async () => {
  const sim = new Simulation({ seed: 1, traceLimit: 100 });
  sim.host('bus', (host) => runBroker(host));
  let dropped = 0;
  let asked = 0;
  let known = 0;
  sim.host('large', async (host) => {
    const { presence, wire } = (await joinFrom(host)).parts;
    wire.bus.on('dropped', () => {
      dropped += 1;
    });
    const group = presence.part('large', undefined);
    for (let i = 0; i < IDS; i += 1) group.add(`${i}${PADDING}`);
  });
  sim.host('other', async (host) => {
    const { presence, inbox } = (await joinFrom(host)).parts;
    const joined = () => {
      known += 1;
    };
    presence.part('large', { joined, left: () => {} });
    const send = inbox.send.bind(inbox);
    inbox.send = (...note) => {
      asked += 1;
      send(...note);
    };
  });
  await sim.run({ untilMs: 5000 });
  expect({ dropped, asked, known }).toEqual({ dropped: 0, asked: 0, known: IDS });
});
