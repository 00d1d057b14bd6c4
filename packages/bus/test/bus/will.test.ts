import { EngineBus } from '@headrace/bus';
import { Relay } from '@headrace/bus/authoring';
import { expect, it } from 'vitest';
import { Nodes } from '../../../cluster/test/nodes.ts';
import { LocalLink } from '../../src/relay/local-link.ts';

interface Will {
  readonly subject: string;
  readonly bytes: Uint8Array;
}

/** A link that notes what is left for the end of the process. */
class WillLink extends LocalLink {
  wills: Will[] = [];

  setWill(subject: string, bytes: Uint8Array): void {
    this.wills.push({ subject, bytes });
  }
}

it('a node whose process ends without leaving is gone at once, with its members, where the bus notices it', async () => {
  const nodes = new Nodes();
  const relay = new Relay();
  const links: WillLink[] = [];
  const busOf = () =>
    new EngineBus({
      name: 'relay:',
      connect: async (sink, host) => {
        links.push(new WillLink(relay, sink, host));
        return links.at(-1)!;
      },
    });
  const here = await nodes.join({ bus: busOf() });
  const killed = await nodes.join({ bus: busOf() });
  await nodes.pass(1000);
  here.group('room').add(nodes.channel());
  killed.group('room').add(nodes.channel());
  await nodes.pass(1000);
  expect(here.group('room').total).toBe(2);
  const left: unknown[] = [];
  here.on('nodeLeft', ({ id, life, state }, reason) => left.push([id, life, state, reason]));

  // The link is lost, and made again: what was left goes with it.
  links[1]!.lose(new Error('cut'));
  await nodes.pass(2000);
  expect(links).toHaveLength(3);
  const { wills } = links[2]!;
  await links[2]!.close();
  for (const { subject, bytes } of wills) here.parts.wire.bus.publish(subject, bytes);
  await nodes.pass(1);
  expect(left).toEqual([[killed.nodeId, 'gone', 'ready', 'node-gone']]);
  expect([here.group('room').total, here.nodes.length]).toEqual([1, 1]);
});

it('a bus whose engine notices no end leaves the will with a witness, until it is closed', async () => {
  const nodes = new Nodes();
  const relay = new Relay();
  const wills: Will[] = [];
  let closedCount = 0;
  let publish: ((subject: string, bytes: Uint8Array) => void) | undefined;
  const witness = {
    setWill(subject: string, bytes: Uint8Array, publishWill: typeof publish): void {
      wills.push({ subject, bytes });
      publish = publishWill;
    },
    close(): void {
      closedCount += 1;
    },
  };
  const busOf = () =>
    new EngineBus({
      name: 'relay:',
      witness,
      connect: async (sink, host) => new LocalLink(relay, sink, host),
    });
  const here = await nodes.join({ bus: busOf() });
  const there = await nodes.join({ bus: busOf() });
  await nodes.pass(1000);
  expect(here.nodes).toHaveLength(2);
  const { subject, bytes } = wills[1]!;
  publish!(subject, bytes);
  await nodes.pass(1);
  expect(here.nodes.map(({ id }) => id)).toEqual([here.nodeId]);
  const leaving = there.leave();
  await nodes.pass(3000);
  await leaving;
  expect(closedCount).toBe(1);
});

it('a node that takes another id leaves an end for that one', async () => {
  const nodes = new Nodes();
  const links: WillLink[] = [];
  const relay = new Relay();
  const bus = new EngineBus({
    name: 'relay:',
    connect: async (sink, host) => {
      links.push(new WillLink(relay, sink, host));
      return links.at(-1)!;
    },
  });
  const node = await nodes.join({ bus });
  node.parts.wire.rename();
  await nodes.pass(10);
  const last = links[0]!.wills.at(-1)!;
  expect(node.parts.wire.read(Buffer.from(last.bytes), last.subject)?.node).toBe(node.nodeId);
});
