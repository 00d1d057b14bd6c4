import { Buffer } from 'node:buffer';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { FRAME, messageFrame, numberFrame, subjectFrames } from '../../src/mesh/mesh-frame.ts';
import { MeshPeer } from '../../src/mesh/mesh-peer.ts';

/** A connection to another node, on a channel without a limit of its own, as a mesh has it. */
function peerWith(maxBytes = 1024 * 1024) {
  const listened: string[] = [];
  const owner = {
    received: () => {},
    said: () => {},
    listens: (_peer: MeshPeer, subject: string, isNow: boolean) =>
      void listened.push(`${isNow ? '+' : '-'}${subject}`),
    full: () => {},
    gone: () => {},
  };
  const identity = { id: 'b', kind: 'node', place: { host: 'b', port: 1 } } as const;
  const channel = EmbeddedChannel.with({
    clock: new VirtualClock(),
    maxOutboundBytes: Number.POSITIVE_INFINITY,
    outboundStallMs: false,
  });
  const peer = new MeshPeer(channel, identity, owner, maxBytes);
  channel.pipeline.addLast(peer);
  const pongs = () => {
    const numbers: number[] = [];
    for (let frame = channel.readOutbound() as Buffer | undefined; frame !== undefined; ) {
      if (frame[0] === FRAME.pong) numbers.push(frame.readUInt32BE(1));
      frame = channel.readOutbound() as Buffer | undefined;
    }
    return numbers;
  };
  return { channel, peer, listened, pongs };
}

it('answers each ping of a peer that reads, and only the newest one of a peer that does not', () => {
  const { channel, pongs } = peerWith();
  for (let i = 1; i <= 3; i++) channel.writeInbound(numberFrame(FRAME.ping, i));
  expect(pongs()).toEqual([1, 2, 3]);
  channel.embedded.isStuck = true;
  for (let i = 4; i <= 100_000; i++) channel.writeInbound(numberFrame(FRAME.ping, i));
  expect(channel.pendingOutboundBytes).toBeLessThan(70_000);
  channel.run(() => channel.embedded.release());
  const late = pongs();
  expect([late[0], late.at(-1)]).toEqual([4, 100_000]);
  channel.finish();
});

it('takes an answer as one to all earlier pings', () => {
  const { channel, peer } = peerWith();
  const answered: string[] = [];
  for (const name of ['a', 'b', 'c']) peer.ping(() => answered.push(name));
  channel.writeInbound(numberFrame(FRAME.pong, 2));
  expect(answered).toEqual(['a', 'b']);
  channel.writeInbound(numberFrame(FRAME.pong, 1));
  channel.writeInbound(numberFrame(FRAME.pong, 77));
  expect(answered).toEqual(['a', 'b']);
  channel.writeInbound(numberFrame(FRAME.pong, 3));
  expect(answered).toEqual(['a', 'b', 'c']);
  channel.finish();
});

it('ends the connection of a peer that reads nothing, when the frames that must not be lost are too many', () => {
  const { channel, peer } = peerWith(10_000);
  channel.embedded.isStuck = true;
  for (let i = 0; i < 100; i++) peer.send(messageFrame('s', Buffer.alloc(1000)));
  expect([channel.isOpen, peer.dropped > 80]).toEqual([true, true]);
  for (let i = 0; i < 100; i++) peer.tell(Buffer.alloc(1000));
  expect([channel.isOpen, channel.closeInfo?.reason]).toEqual([false, 'slow-consumer']);
});

it('tells its owner about a subscription once, however often the peer repeats it', () => {
  const { channel, listened } = peerWith();
  const subscribe = () => [...subjectFrames(FRAME.subscribe, ['s'])];
  for (let i = 0; i < 3; i++) channel.writeInbound(...subscribe());
  channel.writeInbound(...subjectFrames(FRAME.unsubscribe, ['s']), ...subscribe());
  expect(listened).toEqual(['+s', '-s', '+s']);
  channel.finish();
});
