import type { Buffer } from 'node:buffer';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { FRAME, readMessage } from '../../../src/bus/mesh/mesh-frame.ts';
import { MeshPeer } from '../../../src/bus/mesh/mesh-peer.ts';
import { others, STREAM, StateNodes } from './mesh-state-nodes.ts';

const VALUE = 'x'.repeat(100);

interface Sent {
  messages: number;
  bytes: number;
}

/** Counts what the nodes send each other for states, without the length of a frame. */
function countSent(): Sent {
  const sent: Sent = { messages: 0, bytes: 0 };
  const count = (frame: Buffer): void => {
    if (frame[0] !== FRAME.state) {
      // Neither the heartbeat of the bus nor subscriptions.
      if (frame[0] !== FRAME.message || readMessage(frame).subject !== STREAM) return;
    }
    sent.messages += 1;
    sent.bytes += frame.byteLength;
  };
  const { send, tell } = MeshPeer.prototype;
  vi.spyOn(MeshPeer.prototype, 'send').mockImplementation(function (this: MeshPeer, frame) {
    count(frame);
    return send.call(this, frame);
  });
  vi.spyOn(MeshPeer.prototype, 'tell').mockImplementation(function (this: MeshPeer, frame) {
    count(frame);
    tell.call(this, frame);
  });
  return sent;
}

afterEach(() => void vi.restoreAllMocks());

describe('the cost of a state of a mesh', () => {
  it('is a message and its answer for each standby, and a message for each node with members', async () => {
    const all = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const costOf = async (nodes: number, followers: number) => {
      const names = all.slice(0, nodes);
      const mesh = await StateNodes.up(names);
      await mesh.set('a', 'key', VALUE);
      const keeper = mesh.keeper(names);
      for (const name of others(keeper, names).slice(0, followers)) mesh.follow(name);
      await mesh.pass(1000);
      const sent = countSent();
      for (let i = 0; i < 100; i++) await mesh.set(keeper, 'key', VALUE);
      await mesh.pass(1000);
      vi.restoreAllMocks();
      return { messages: sent.messages / 100, bytes: Math.round(sent.bytes / 100) };
    };
    expect(await costOf(1, 0)).toEqual({ messages: 0, bytes: 0 });
    expect(await costOf(2, 0)).toEqual({ messages: 2, bytes: 240 });
    expect(await costOf(3, 0)).toEqual({ messages: 4, bytes: 479 });
    expect(await costOf(3, 2)).toEqual({ messages: 6, bytes: 833 });
    expect(await costOf(7, 0)).toEqual({ messages: 4, bytes: 479 });
    expect(await costOf(7, 6)).toEqual({ messages: 10, bytes: 1540 });
  });

  it('is less than 1 kB for a takeover of 1,000 keys, and no whole copy for a standby', async () => {
    const takeover = async (end: (mesh: StateNodes, keeper: string) => void) => {
      const mesh = await StateNodes.up();
      const keys = Array.from({ length: 1000 }, (_, i) => `key ${i}`);
      await mesh.on('a', () => Promise.all(keys.map((key) => mesh.begin('a', key, VALUE))));
      const keeper = mesh.keeper();
      const [one, two] = others(keeper) as [string, string];
      const sent = countSent();
      const began = mesh.sim.now;
      end(mesh, keeper);
      await mesh.set(one, 'key 1', 'after');
      const afterMs = mesh.sim.now - began;
      await mesh.pass(2000);
      const { messages, bytes } = sent;
      vi.restoreAllMocks();
      const [held] = others(mesh.keeper([one, two]), [one, two]);
      const copy = mesh.states(held!)['node'].copies.get(STREAM)!.state;
      const { epoch, last } = await mesh.page(one);
      expect([copy.epoch, copy.lastOffset, copy.changes, copy.size]).toEqual([
        epoch,
        last,
        1001,
        1000,
      ]);
      return { afterMs, messages, bytes };
    };
    const left = await takeover((mesh, keeper) => {
      mesh.sim.at(mesh.sim.now, () => void mesh.at(keeper).bus.close());
    });
    expect(left.afterMs).toBeLessThan(300);
    const stopped = await takeover((mesh, keeper) => mesh.sim.stop(keeper));
    expect(stopped.afterMs).toBeLessThan(1200);
    const crashed = await takeover((mesh, keeper) => mesh.sim.crash(keeper));
    expect(crashed.afterMs).toBeLessThan(5200);
    for (const { messages, bytes } of [left, stopped, crashed]) {
      expect(messages).toBeLessThan(15);
      expect(bytes).toBeLessThan(1000);
    }
  });
});
