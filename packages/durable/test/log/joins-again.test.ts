import { Buffer } from 'node:buffer';
import type { Cluster } from '@headrace/cluster';
import { jsonLines } from '@headrace/codec';
import { type Channel, handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { durableGroup, stateGroup } from '@headrace/durable';
import { describe, expect, it, vi } from 'vitest';
import { VirtualNodes } from '../../../cluster/test/help/virtual-nodes.ts';

/** What a member sends: that it joins, and what it has, or that it leaves. */
type Asked = { readonly since?: { readonly epoch: string; readonly offset: number } } | 'leave';

/** A group, as a server uses it for its members. */
interface Joined {
  /** Makes changes for the members. Resolves with a position before most of them. */
  change(nodes: VirtualNodes): Promise<{ epoch: string; offset: number }>;
  join(channel: Channel, since: (Asked & object)['since']): Promise<unknown>;
  leave(channel: Channel): void;
}

const GROUPS: readonly [kind: string, of: (cluster: Cluster) => Joined][] = [
  [
    'a state group',
    (cluster) => {
      const group = stateGroup<string>(cluster, 'room');
      return {
        change: async (nodes) => {
          const first = group.set('first', '');
          for (let i = 0; i < 20; i++) void group.set(`k${i}`, 'x'.repeat(200));
          await nodes.pass(50);
          return first;
        },
        join: (channel, since) => group.join(channel, since),
        leave: (channel) => void group.remove(channel),
      };
    },
  ],
  [
    'a durable group',
    (cluster) => {
      const format = (text: string) => ({ text });
      const group = durableGroup<string>(cluster, 'room', { format, recent: 2 });
      return {
        change: async (nodes) => {
          const first = group.write('first');
          for (let i = 0; i < 20; i++) void group.write('x'.repeat(200));
          await nodes.pass(50);
          return first.position!;
        },
        join: (channel, since) => group.history.join(channel, since, { answer: () => 'joined' }),
        leave: (channel) => void group.remove(channel),
      };
    },
  ],
];

/** A server that joins its peer with each message, and this peer, which reads nothing. */
async function peerOf(of: (cluster: Cluster) => Joined) {
  const nodes = new VirtualNodes();
  const { clock, logger } = nodes;
  const group = of(await nodes.join());
  let asked = 0;
  let answered = 0;
  const member = handler<{ reads: Asked; passesOn: never }>({
    channelRead({ channel }, message) {
      asked += 1;
      if (message === 'leave') group.leave(channel);
      else {
        const over = (): void => {
          answered += 1;
        };
        group.join(channel, message.since).then(over, over);
      }
    },
  });
  const limits = { writeBufferLowBytes: 0, writeBufferHighBytes: 1000, outboundStallMs: false };
  const channel = EmbeddedChannel.with(
    { clock, logger, ...(limits as object) },
    ...jsonLines(),
    member,
  );
  channel.embedded.isStuck = true;
  const send = async (...messages: readonly Asked[]): Promise<void> => {
    channel.writeInbound(Buffer.from(messages.map((one) => `${JSON.stringify(one)}\n`).join('')));
    await nodes.pass(50);
  };
  const take = async (): Promise<void> => {
    channel.run(() => channel.embedded.release());
    for (let i = 0; i < 50 && channel.isReadHeld; i++) await nodes.pass(20);
  };
  return { nodes, group, channel, send, take, counts: () => ({ asked, answered }) };
}

describe.each(GROUPS)('%s, and a member that reads nothing', (_kind, of) => {
  it('holds the reads of a member that joins again while its join is pending', async () => {
    const { nodes, group, channel, send, take, counts } = await peerOf(of);
    const since = await group.change(nodes);
    await send({ since });
    expect([counts(), channel.readHolds]).toEqual([{ asked: 1, answered: 0 }, []]);
    await send(...Array<Asked>(40).fill({ since }));
    expect([counts(), channel.readHolds]).toEqual([{ asked: 2, answered: 0 }, ['join']]);
    await take();
    expect(counts()).toEqual({ asked: 41, answered: 41 });
    expect([channel.readHolds, channel.isOpen]).toEqual([[], true]);
    channel.finish();
  });

  it('writes no more than the output takes, though there is nothing but the answer to write', async () => {
    const { channel, send, take, counts } = await peerOf(of);
    await send(...Array<Asked>(60).fill({}));
    expect(counts().asked).toBeLessThan(50);
    expect(channel.pendingOutboundBytes).toBeLessThan(3000);
    await take();
    expect(counts()).toEqual({ asked: 60, answered: 60 });
    channel.finish();
  });

  it('has one listener at a member that joins and leaves again and again', async () => {
    const { nodes, group, channel, send, counts } = await peerOf(of);
    const since = await group.change(nodes);
    const listens = vi.spyOn(channel, 'onceWritable');
    for (let i = 0; i < 20; i++) {
      await send({ since });
      await send('leave');
    }
    expect(listens.mock.calls.length).toBeLessThan(3);
    channel.close();
    await group.change(nodes);
    expect(counts().answered).toBeGreaterThan(0);
  });

  it('ends a pending join with its channel, and holds nothing then', async () => {
    const { nodes, group, channel, send, counts } = await peerOf(of);
    const since = await group.change(nodes);
    await send({ since }, { since }, { since });
    expect(counts()).toEqual({ asked: 2, answered: 0 });
    channel.close();
    await nodes.pass(50);
    expect([counts(), channel.readHolds]).toEqual([{ asked: 2, answered: 2 }, []]);
  });
});
