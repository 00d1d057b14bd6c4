// Clients that lose their connections at any moment, in any rooms: each gets exactly the events that were for it, in order.
import { VirtualClock } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { SocketIoNamespace, type SocketIoSocket } from '../../src/index.ts';
import { type Player, play } from '../fixture/recovery-model.ts';

const SEEDS = 60;

function run(seed: number): Promise<Player[]> {
  const sockets = new Map<string, SocketIoSocket>();
  const namespace = new SocketIoNamespace('/', {
    connection: (socket) => void sockets.set(socket.id, socket),
    recovery: {},
  });
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 8; turn++) await Promise.resolve();
  };
  return play(seed, { clock: new VirtualClock(), namespaces: [namespace], sockets, settle });
}

it('loses and doubles no event, and keeps their order', async () => {
  let recovered = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    for (const { client, expected } of await run(seed)) {
      expect(client.events, `seed ${seed}`).toEqual(expected);
      if (client.recovered) recovered += 1;
    }
  }
  expect(recovered).toBeGreaterThan(SEEDS);
});
