// What Node promises of its handles, broken one by one by a fake: no byte of one connection may reach another.
import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { HandleTransport } from '../../../src/transport/node-handle/handle-transport.ts';
import type { TransportSink } from '../../../src/transport/transport.ts';
import { FakeBinding, FakeHandle } from '../../fixture/fake-binding.ts';

class Peer implements TransportSink {
  readonly isReadHeld = false;

  checkTurn(): void {}

  readonly handle: FakeHandle;
  readonly transport: HandleTransport;
  readonly events: string[] = [];
  onReceived: () => void = () => {};

  constructor(binding: FakeBinding) {
    this.handle = new FakeHandle(binding);
    this.transport = new HandleTransport(this.handle, binding);
    this.transport.open(this);
    this.transport.requestRead();
  }

  /** Writes small messages, which are gathered in shared memory. */
  gather(...texts: string[]): boolean {
    const messages = texts.map((text) => Buffer.from(text));
    return this.transport.write(messages, texts.join('').length);
  }

  connected(): void {}
  caught(): void {}
  readComplete(): void {
    this.transport.requestRead();
  }
  received(bytes: Buffer): void {
    this.events.push(`received ${bytes}`);
    this.onReceived();
  }
  inputEnded(): void {
    this.events.push('inputEnded');
  }
  written(): void {
    this.events.push('written');
  }
  outputEnded(): void {
    this.events.push('outputEnded');
  }
  failed(error: Error): void {
    this.events.push(`failed ${error.message.replace(/.*promises: /, '')}`);
  }
  disconnected(): void {
    this.events.push('disconnected');
  }
}

function pair(): { binding: FakeBinding; one: Peer; two: Peer } {
  const binding = new FakeBinding();
  return { binding, one: new Peer(binding), two: new Peer(binding) };
}

const tick = () => new Promise((resolve) => process.nextTick(resolve));

describe('a binding that keeps its promises', () => {
  it('is trusted, and its requests and memory serve again', () => {
    const { binding, one, two } = pair();
    one.handle.arrive('hello');
    expect(one.gather('a', 'b')).toBe(true);
    expect(two.gather('c', 'd')).toBe(true);
    expect(two.handle.requests[0]).toBe(one.handle.requests[0]);
    expect(two.handle.memory[0]!.buffer).toBe(one.handle.memory[0]!.buffer);
    expect([binding.distrusted, one.events]).toEqual([undefined, ['received hello']]);
  });

  it('keeps no part of a write that was taken, as long as the binding is trusted and nothing waits', () => {
    const { binding, one } = pair();
    expect(one.transport.keepsNoWrites).toBe(true);
    one.handle.writeQueueSize = 1;
    expect(one.transport.keepsNoWrites).toBe(false);
    one.handle.writeQueueSize = 0;
    binding.distrust('a promise');
    expect(one.transport.keepsNoWrites).toBe(false);
  });
});

describe('a shutdown', () => {
  it('of a connection that the peer has reset meanwhile ends, and is not a failure', async () => {
    const { one } = pair();
    one.handle.shutdownStatus = -constants.errno.ENOTCONN;
    one.transport.shutdownOutput();
    await tick();
    expect(one.events).toEqual(['outputEnded']);
  });

  it('that fails otherwise is one', async () => {
    const { one } = pair();
    one.handle.shutdownStatus = -constants.errno.EBADF;
    one.transport.shutdownOutput();
    await tick();
    expect(one.events).toEqual(['failed shutdown EBADF']);
  });
});

describe('a look for a failure', () => {
  it('of a connection that has broken leaves a write that is under way to meet it', () => {
    const { binding, one } = pair();
    one.handle.answer = { isAsync: true, queued: 1 };
    expect(one.gather('a', 'b')).toBe(false);
    Object.assign(one.handle, { getpeername: () => -constants.errno.ENOTCONN });
    expect(one.transport.detectFailure()).toBe(undefined);
    // A second request would end without an owner when the connection closes.
    for (const request of one.handle.requests) one.handle.complete(request, -constants.errno.EPIPE);
    expect([binding.distrusted, one.events]).toEqual([undefined, ['failed write EPIPE']]);
  });
});

describe('counts of reads', () => {
  const cases: readonly [why: string, count: number, total: number][] = [
    ['larger than what came, so that the rest is of the connection before', 11, 1],
    ['larger than the buffer', 64 * 1024 + 1, 64 * 1024 + 1],
    ['smaller than what came, so that the next connection would get the rest', 1, 11],
  ];
  for (const [why, count, total] of cases) {
    it(`${why}: the connection ends, nothing is delivered`, async () => {
      const { one, two } = pair();
      one.handle.arrive('one secret!');
      two.handle.arrive('2', count, total);
      two.handle.arrive('later');
      await tick();
      expect(two.events).toEqual([
        `failed a read of ${count} bytes was counted otherwise; closing`,
      ]);
      expect([two.handle.isReading, one.events]).toEqual([false, ['received one secret!']]);
    });
  }

  it('that is not there at all ends the connection', async () => {
    const { binding, two } = pair();
    Object.defineProperty(binding, 'readCount', { value: undefined });
    two.handle.arrive('2');
    await tick();
    expect(two.events).toEqual(['failed the outcome of a read is missing; closing']);
  });
});

describe('a read within a write', () => {
  it('is not delivered, and the memory of the write stays as it was', async () => {
    const { one, two } = pair();
    two.onReceived = () => two.gather('two', '!');
    one.handle.answer = { within: () => two.handle.arrive('go') };
    expect(one.gather('one', '?')).toBe(true);
    expect(one.handle.sent).toEqual(['one?']);
    await tick();
    expect(two.events).toEqual(['failed a read came within a write; closing']);
    expect(two.handle.memory).toEqual([]);
  });

  it('of its own connection ends it, and its memory never serves again', async () => {
    const { one, two } = pair();
    one.handle.answer = { within: () => one.handle.arrive('go') };
    expect(one.gather('one', '?')).toBe(false);
    two.gather('two', '!');
    expect([one.handle.sent, two.handle.sent]).toEqual([['one?'], ['two!']]);
    await tick();
    expect(one.events).toEqual(['failed a read came within a write; closing']);
  });
});

describe('a write that is said to be over', () => {
  it('while its bytes wait in the queue: they are never written over', async () => {
    const { one, two } = pair();
    one.handle.answer = { queued: 4 };
    expect(one.gather('one', '?')).toBe(false);
    two.gather('two', '!');
    two.gather('two', '!');
    expect([one.handle.sent, two.handle.sent]).toEqual([['one?'], ['two!', 'two!']]);
    await tick();
    expect(one.events).toEqual(['failed a write was over, and its bytes still waited; closing']);
  });

  it('and was counted otherwise: its memory and its request never serve again', async () => {
    const { one, two } = pair();
    one.handle.answer = { bytes: 3 };
    expect(one.gather('one', '?')).toBe(false);
    two.gather('two', '!');
    expect([one.handle.sent, two.handle.sent]).toEqual([['one?'], ['two!']]);
    expect(two.handle.requests[0]).not.toBe(one.handle.requests[0]);
    await tick();
    expect(one.events).toEqual(['failed a write of 4 bytes was counted otherwise; closing']);
  });

  it('by every sign, and completes late: the connection ends, and from then on nothing is shared', async () => {
    const { one, two } = pair();
    expect(one.gather('one', '?')).toBe(true);
    one.handle.complete(one.handle.requests[0]!);
    const before = one.handle.memory[0]!.buffer;
    two.gather('two', '!');
    two.gather('two', '.');
    expect(one.handle.sent).toEqual(['one?']);
    expect(two.handle.memory.map((bytes) => bytes.buffer)).not.toContain(before);
    expect(two.handle.requests[1]).not.toBe(two.handle.requests[0]);
    await tick();
    expect(one.events).toEqual(['failed a write ended that had ended already; closing']);
    expect(two.events).toEqual([]);
  });
});

describe('a write that ends later', () => {
  it('keeps its memory and its request to itself, then and afterwards', () => {
    const { one, two } = pair();
    one.handle.answer = { isAsync: true, queued: 4 };
    expect(one.gather('one', '?')).toBe(false);
    two.gather('two', '!');
    one.handle.complete(one.handle.requests[0]!);
    two.gather('two', '.');
    expect(one.handle.sent).toEqual(['one?']);
    expect(two.handle.requests).not.toContain(one.handle.requests[0]);
    expect(one.events).toEqual(['written']);
  });

  it('twice: the second end is not that of the write that follows', async () => {
    const { one } = pair();
    one.handle.answer = { isAsync: true };
    one.gather('one', '?');
    one.handle.complete(one.handle.requests[0]!);
    one.handle.answer = { isAsync: true };
    one.gather('two', '!');
    one.handle.complete(one.handle.requests[0]!);
    await tick();
    expect(one.events).toEqual(['written', 'failed a write ended that had ended already; closing']);
  });

  it('within the write of another: neither is trusted', async () => {
    const { binding, one, two } = pair();
    one.handle.answer = { isAsync: true };
    one.gather('one', '?');
    two.handle.answer = { within: () => one.handle.complete(one.handle.requests[0]!) };
    two.gather('two', '!');
    await tick();
    expect(one.events).toEqual(['failed a write ended that was not under way; closing']);
    expect(binding.distrusted).toBe('a write ended that was not under way');
  });
});

describe('callbacks after the close', () => {
  it('deliver nothing, and the end is reported once', async () => {
    const { one, two } = pair();
    one.handle.answer = { isAsync: true };
    one.gather('one', '?');
    one.transport.close();
    one.handle.arrive('late');
    one.handle.arrive('', -4095, 0);
    one.handle.complete(one.handle.requests[0]!, -125);
    one.handle.closed();
    one.handle.closed();
    one.handle.arrive('later');
    await tick();
    expect([one.events, two.events]).toEqual([['disconnected'], []]);
  });

  it('an end within the write of another comes after it', async () => {
    const { one, two } = pair();
    one.transport.close();
    two.handle.answer = {
      within: () => {
        one.handle.closed();
        expect(one.events).toEqual([]);
      },
    };
    expect(two.gather('two', '!')).toBe(true);
    await tick();
    expect(one.events).toEqual(['disconnected']);
  });
});
