import type { Cluster, NodeInfo } from '@headrace/cluster';
import {
  Bootstrap,
  type Context,
  DrainEvent,
  MemoryNetwork,
  ServerBootstrap,
} from '@headrace/core';
import { durableGroup } from '@headrace/durable';
import { describe, expect, it } from 'vitest';
import type { Drainable } from '../../src/cluster/drained-servers.ts';
import { VirtualNodes } from '../help/virtual-nodes.ts';

async function pair(): Promise<{
  nodes: VirtualNodes;
  one: Cluster;
  two: Cluster;
  seen: string[];
}> {
  const nodes = new VirtualNodes();
  const address = { host: '10.0.0.1', port: 18_888 };
  const one = await nodes.join({ address });
  const two = await nodes.join();
  await nodes.pass(1100);
  const seen: string[] = [];
  two.on('nodeChanged', ({ state }: NodeInfo) => seen.push(state));
  two.on('nodeLeft', (_node, reason) => seen.push(reason));
  return { nodes, one, two, seen };
}

/** A server whose calls are noted. */
class NotedServer implements Drainable {
  readonly calls: string[] = [];
  readonly connections: { size: number };
  readonly channel = { close: (reason: string) => this.calls.push(`closed: ${reason}`) };
  private readonly over: () => Promise<void>;

  constructor(size: number, over: () => Promise<void> = async () => {}) {
    this.connections = { size };
    this.over = over;
  }

  shutdown(options: { drainTimeoutMs: number; batch: number; everyMs: number }): Promise<void> {
    const { drainTimeoutMs, batch, everyMs } = options;
    this.calls.push(`shutdown in ${drainTimeoutMs}: ${batch} each ${everyMs}`);
    return this.over();
  }
}

describe('Cluster.leave', () => {
  it('is draining before a server stops accepting, and has left when all are gone', async () => {
    const { nodes, one, seen } = await pair();
    let ended!: () => void;
    const server = new NotedServer(0, () => new Promise((resolve) => (ended = resolve)));
    const leaving = one.leave({ servers: [server] });
    await nodes.pass(20);
    expect(seen).toEqual(['draining']);
    expect(server.calls[0]).toBe('closed: shutdown');
    await nodes.pass(3000);
    expect(seen).toEqual(['draining']);
    ended();
    await nodes.pass(50);
    await leaving;
    expect(seen).toEqual(['draining', 'left']);
  });

  it('spreads the batches of a server over spreadMs', async () => {
    const { nodes, one } = await pair();
    const server = new NotedServer(10_001);
    const leaving = one.leave({ servers: [server], batch: 1000, spreadMs: 5500 });
    await nodes.pass(20);
    await leaving;
    expect(server.calls).toEqual(['closed: shutdown', 'shutdown in 10000: 1000 each 500']);
  });

  it('moves the clients of lasting channels first, and ends connections when they have gone', async () => {
    const { nodes, one } = await pair();
    const server = new NotedServer(3);
    const table = {
      size: 3,
      detached: 1,
      moves: [] as unknown[],
      move(options: unknown) {
        this.moves.push(options);
      },
    };
    const leaving = one.leave({ servers: [server], tables: [table], spreadMs: 4000 });
    await nodes.pass(1500);
    expect(table.moves).toEqual([{ spreadMs: 4000 }]);
    expect(server.calls).toEqual(['closed: shutdown']);
    table.detached = 3;
    await nodes.pass(200);
    await leaving;
    expect(server.calls[1]).toMatch(/^shutdown in 8[345]\d\d: 100 each 4000$/);
  });

  it('goes on when clients ignore the MOVE', async () => {
    const { nodes, one } = await pair();
    const server = new NotedServer(3);
    const table = { size: 3, detached: 0, move: () => {} };
    const leaving = one.leave({ servers: [server], tables: [table], spreadMs: 4000 });
    await nodes.pass(4100);
    await leaving;
    expect(server.calls[1]).toBe('shutdown in 6000: 100 each 4000');
  });

  it('stores what was written last, and then leaves the groups', async () => {
    const { nodes, one, two } = await pair();
    const options = { presence: 'ids', idOf: () => 'ann' } as const;
    const [here, there] = [
      durableGroup<string>(one, 'room', options),
      durableGroup<string>(two, 'room', options),
    ];
    const events: string[] = [];
    there.on('memberLeft', ({ id, reason }) => events.push(`${id} ${reason}`));
    const [member, far] = [await nodes.member(), await nodes.member()];
    here.add(member.channel);
    there.add(far.channel);
    await nodes.pass(300);
    const server = new NotedServer(1, async () => {
      here.write('the last word');
      member.channel.close();
    });
    const leaving = one.leave({ servers: [server] });
    await nodes.pass(50);
    await leaving;
    expect(far.got).toEqual(['the last word']);
    expect(events).toEqual(['ann left']);
    expect(two.nodes).toHaveLength(1);
  });

  it('sends what was published to a group before the bus closes', async () => {
    const { nodes, one, two } = await pair();
    const [here, there] = [one.group<string>('room'), two.group<string>('room')];
    const far = await nodes.member();
    there.add(far.channel);
    await nodes.pass(200);
    here.write('written, not flushed');
    const leaving = one.leave();
    await nodes.pass(50);
    await leaving;
    expect(far.got).toEqual(['written, not flushed']);
  });

  it('ends after a while when the bus is away', async () => {
    const { nodes, one } = await pair();
    const room = durableGroup<string>(one, 'room');
    room.add((await nodes.member()).channel);
    await nodes.pass(50);
    nodes.hub.kill();
    const outcome = room.write('never stored');
    let isOver = false;
    void one.leave().then(() => {
      isOver = true;
    });
    await nodes.pass(4900);
    expect(isOver).toBe(false);
    await nodes.pass(3000);
    expect(isOver).toBe(true);
    await expect(outcome).rejects.toMatchObject({ code: 'HR_ERR_BUS_DOWN' });
  });

  it('is done once, and refuses options that contradict each other', async () => {
    const { nodes, one } = await pair();
    await expect(one.leave({ spreadMs: 2, drainTimeoutMs: 1 })).rejects.toThrow(/spreadMs \(2\)/);
    await expect(one.leave({ batch: 0 })).rejects.toThrow(/batch/);
    const leaving = one.leave();
    expect(one.leave()).toBe(leaving);
    await nodes.pass(50);
    await leaving;
  });

  it('gives a DrainEvent to the connections of a server in batches', async () => {
    const { nodes, one } = await pair();
    const { clock, logger } = nodes;
    const network = new MemoryNetwork();
    const told: number[] = [];
    const binding = new ServerBootstrap()
      .options({ clock, logger })
      .childOptions({ clock, logger })
      .childHandler(({ pipeline }) =>
        pipeline.addLast({
          userEventTriggered(ctx: Context, event: unknown) {
            if (event instanceof DrainEvent) told.push(clock.now());
            ctx.fireUserEventTriggered(event);
          },
        }),
      )
      .bind({ network, name: 'node' });
    await nodes.pass(20);
    const server = await binding;
    for (let i = 0; i < 5; i++) {
      const connecting = new Bootstrap()
        .options({ clock, logger })
        .handler(() => {})
        .connect({ network, name: 'node' });
      await nodes.pass(20);
      await connecting;
    }
    const begun = clock.now();
    const leaving = one.leave({ servers: [server], batch: 2, spreadMs: 300, drainTimeoutMs: 1000 });
    await nodes.pass(3000);
    await leaving;
    expect(told.map((at) => at - begun)).toEqual([0, 0, 100, 100, 200]);
    expect(server.connections.size).toBe(0);
  });

  it('leaves anyway when a server cannot be drained, and then rejects with its error', async () => {
    const { nodes, one, seen } = await pair();
    const failing = new NotedServer(1, () => Promise.reject(new Error('no such server')));
    let hasDrained = false;
    const slow = new NotedServer(1, async () => {
      await new Promise<void>((resolve) => void nodes.clock.schedule(resolve, 1000));
      hasDrained = one.state === 'up';
    });
    const leaving = one.leave({ servers: [failing, slow] });
    const rejected = expect(leaving).rejects.toThrow('no such server');
    await nodes.pass(2000);
    await rejected;
    expect(hasDrained).toBe(true);
    expect(one.state).toBe('down');
    expect(seen).toEqual(['draining', 'left']);
  });
});
