import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { watchClusterChannel } from '../../src/workers/cluster-channel.ts';
import { WorkerHandoffs } from '../../src/workers/worker-handoffs.ts';

/** A worker's process whose channel notes how many connections went through it. */
class Child extends EventEmitter {
  connected = true;
  channel: object | null = {};
  got = 0;

  send(message: { act?: string }): boolean {
    if (message.act === 'newconn') this.got += 1;
    return true;
  }

  /** The numbers of the messages of which Node takes an answer to have come from this worker. */
  readonly acked: unknown[] = [];

  constructor() {
    super();
    this.on('internalMessage', ({ ack, accepted }) => this.acked.push([ack, accepted]));
  }

  disconnect(): void {}

  /** It took the connection of this number. */
  takes(seq: number): void {
    this.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack: seq, accepted: true });
  }

  /** As Node does at the end of the channel. */
  end(): void {
    this.connected = false;
    this.emit('disconnect');
  }

  /** It listens: its question was answered. */
  listens(key: string): void {
    this.send({ cmd: 'NODE_CLUSTER', ack: 1, key } as never);
  }

  /** Node's turn has come to it. */
  turn(seq = 1): void {
    this.send({ cmd: 'NODE_CLUSTER', act: 'newconn', key: 'a', seq } as never);
  }
}

function workers(count: number) {
  const handoffs = new WorkerHandoffs();
  const children = Array.from({ length: count }, (_, id) => {
    const child = new Child();
    const process = child as unknown as ChildProcess;
    watchClusterChannel(process, [handoffs.watcher(id, process)]);
    child.listens('a');
    handoffs.started(id);
    return child;
  });
  return { handoffs, children, got: () => children.map(({ got }) => got) };
}

describe('connections for workers that have been replaced', () => {
  it('go to the ready one that got the fewest since the last start', () => {
    const { handoffs, children, got } = workers(3);
    for (let i = 0; i < 5; i++) children[1]!.turn();
    handoffs.started(2);
    children[1]!.turn();
    handoffs.retire(0);
    for (let i = 0; i < 5; i++) children[0]!.turn();
    expect(got()).toEqual([0, 8, 3]);
  });

  it('do so in any order, until the replaced workers have ended', () => {
    const { handoffs, children, got } = workers(3);
    handoffs.retire(0);
    for (let i = 0; i < 4; i++) children[1]!.turn();
    expect(got()).toEqual([0, 2, 2]);
    handoffs.ended(0);
    for (let i = 0; i < 4; i++) children[1]!.turn();
    expect(got()).toEqual([0, 6, 2]);
  });

  it('go to none that starts, is gone, or does not listen there', () => {
    const { handoffs, children, got } = workers(5);
    handoffs.retire(0);
    handoffs.retire(1);
    children[2]!.connected = false;
    children[3]!.emit('internalMessage', { cmd: 'NODE_CLUSTER', act: 'close', key: 'a' });
    for (let i = 0; i < 3; i++) children[0]!.turn();
    expect(got()).toEqual([0, 0, 0, 0, 3]);
    handoffs.ended(4);
    // Nobody else listens.
    children[0]!.turn();
    expect(got()).toEqual([1, 0, 0, 0, 3]);
  });

  it('leave the turns of ready workers to Node', () => {
    const { children, got } = workers(2);
    for (let i = 0; i < 3; i++) children[0]!.turn();
    expect(got()).toEqual([3, 0]);
  });

  it('count as answered when that worker dies: Node goes on giving some to the one that had its turn', () => {
    const { handoffs, children } = workers(3);
    const [, one, other] = children;
    handoffs.retire(0);
    one!.turn(1);
    one!.turn(2);
    one!.turn(3);
    one!.turn(4);
    other!.takes(2);
    other!.end();
    // The first and the third were its own.
    expect([one!.acked, other!.acked]).toEqual([[[4, true]], [[2, true]]]);
  });
});
