// Clients that come to any node after they lose their connections, while nodes are killed and others begin: each gets exactly the events
// that were for it, in order.
import { expect, it } from 'vitest';
import { playOnNodes } from '../fixture/nodes-at-random.ts';

const SEEDS = 12;

it('loses and doubles no event, and keeps their order', async () => {
  let recovered = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    for (const { client, expected } of await playOnNodes(seed)) {
      expect(client.events, `seed ${seed}`).toEqual(expected);
      if (client.recovered) recovered += 1;
    }
  }
  expect(recovered).toBeGreaterThan(SEEDS);
});
