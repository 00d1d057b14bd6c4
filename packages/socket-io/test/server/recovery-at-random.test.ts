// Clients that lose their connections at any moment, in any rooms: each gets exactly the events that were for it, in order.
import { SeededRandom, VirtualClock } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { SocketIoNamespace, type SocketIoSocket } from '../../src/index.ts';
import { ReturningClient } from '../fixture/returning-client.ts';

const SEEDS = 60;
const STEPS = 60;
const ROOMS = ['a', 'b', 'c'];

/** A client, and what it should get. */
interface Player {
  readonly client: ReturningClient;
  readonly rooms: Set<string>;
  readonly expected: string[];
  isHere: boolean;
}

async function run(seed: number): Promise<Player[]> {
  const random = new SeededRandom(seed, 'recovery');
  const pick = (below: number): number => Math.floor(random.next() * below);
  const clock = new VirtualClock();
  const sockets = new Map<string, SocketIoSocket>();
  const namespace = new SocketIoNamespace('/', {
    connection: (socket) => void sockets.set(socket.id, socket),
    recovery: {},
  });
  const players: Player[] = [];
  for (let i = 0; i < 3; i++) {
    const client = new ReturningClient(namespace, clock);
    players.push({ client, rooms: new Set(), expected: [], isHere: true });
  }
  const comeAgain = async (player: Player): Promise<void> => {
    const { client } = player;
    client.connect();
    for (let turn = 0; turn < 8; turn++) await Promise.resolve();
    client.reads(0);
    player.isHere = true;
  };
  for (let step = 0; step < STEPS; step++) {
    const player = players[pick(players.length)]!;
    const { client, rooms } = player;
    const room = ROOMS[pick(ROOMS.length)]!;
    const without = ROOMS[pick(ROOMS.length)]!;
    const name = String(step);
    const socket = sockets.get(client.id)!;
    const sent = (isFor: (one: Player) => boolean, emit: () => unknown): void => {
      for (const one of players) if (isFor(one)) one.expected.push(name);
      clock.run(emit);
    };
    const kind = pick(10);
    if (kind === 0)
      sent(
        () => true,
        () => namespace.emit(name),
      );
    else if (kind === 1)
      sent(
        ({ rooms }) => rooms.has(room),
        () => namespace.to(room).emit(name),
      );
    else if (kind === 2) {
      sent(
        ({ rooms }) => rooms.has(room) && !rooms.has(without),
        () => namespace.to(room).except(without).emit(name),
      );
    } else if (kind === 3)
      sent(
        (one) => one === player,
        () => namespace.to(client.id).emit(name),
      );
    else if (kind === 4) client.reads(pick(3));
    else if (kind === 5 && player.isHere) {
      client.loses(pick(2) === 0);
      player.isHere = false;
    } else if (kind === 6) await comeAgain(player);
    else if (!player.isHere) clock.advance(100);
    else if (kind === 7) {
      socket.join(room);
      rooms.add(room);
    } else if (kind === 8) {
      socket.leave(room);
      rooms.delete(room);
    } else
      sent(
        (one) => one === player,
        () => socket.emit(name),
      );
  }
  for (const player of players) {
    if (!player.isHere) await comeAgain(player);
    player.client.reads();
  }
  return players;
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
