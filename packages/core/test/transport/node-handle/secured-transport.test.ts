// An encrypted connection on Node's TLS handle; the handle and the socket on it are fakes.
import { constants } from 'node:os';
import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { HandleTransport } from '../../../src/transport/node-handle/handle-transport.ts';
import { END_OF_INPUT } from '../../../src/transport/node-handle/stream-handle.ts';
import type { Transport, TransportSink } from '../../../src/transport/transport.ts';
import { FakeBinding, FakeHandle } from '../../fixture/fake-binding.ts';

class FakeTlsSocket extends Duplex {
  readonly _handle: FakeHandle;

  constructor(handle: FakeHandle) {
    super({ read() {}, write() {} });
    this._handle = handle;
    handle.onread = () => void this.push(null);
  }
}

/** Explains errors as TLS does. */
const explain = (error: Error): Error => new Error(`TLS: ${error.message}`);

class Peer implements TransportSink {
  readonly isReadHeld = false;
  readonly handle: FakeHandle;
  readonly socket: FakeTlsSocket;
  readonly transport: Transport;
  readonly events: string[] = [];
  /** Called for each burst. */
  onBurst: () => void = () => {};

  constructor(binding: FakeBinding) {
    this.handle = new FakeHandle(binding);
    this.socket = new FakeTlsSocket(this.handle);
    this.transport = securedOver(binding, this.socket)!;
    this.transport.open(this);
  }

  write(...texts: string[]): boolean {
    const messages = texts.map((text) => Buffer.from(text));
    return this.transport.write(messages, texts.join('').length);
  }

  checkTurn(): void {}
  connected(): void {}
  caught(): void {}
  readComplete(): void {
    this.onBurst();
  }
  received(bytes: Buffer): void {
    this.events.push(`received ${bytes}`);
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

function securedOver(binding: FakeBinding, socket: object): Transport | undefined {
  const below = new HandleTransport(new FakeHandle(binding), binding);
  return below.overTls(socket as TLSSocket, explain);
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('reads', () => {
  it('that are asked for come within the call of the handle', () => {
    const peer = new Peer(new FakeBinding());
    peer.onBurst = () => peer.transport.requestRead();
    peer.transport.requestRead();
    peer.handle.arrive('one');
    peer.handle.arrive('two');
    expect(peer.events).toEqual(['received one', 'received two']);
  });

  it('that come unasked wait in their order, before the end, and stop the handle', async () => {
    const peer = new Peer(new FakeBinding());
    peer.transport.requestRead();
    for (const text of ['one', 'two', 'three']) peer.handle.arrive(text);
    peer.handle.arrive('', END_OF_INPUT, 0);
    await turn();
    expect([peer.events, peer.handle.isReading]).toEqual([['received one'], false]);
    peer.transport.requestRead();
    await turn();
    expect(peer.events).toEqual(['received one', 'received two']);
    peer.onBurst = () => peer.transport.requestRead();
    peer.transport.requestRead();
    await turn();
    expect(peer.events.slice(2)).toEqual(['received three', 'inputEnded']);
  });

  it('go on after a pause', async () => {
    const peer = new Peer(new FakeBinding());
    peer.transport.requestRead();
    peer.transport.pauseReading();
    expect(peer.handle.isReading).toBe(false);
    peer.transport.requestRead();
    expect(peer.handle.isReading).toBe(true);
    peer.handle.arrive('one');
    peer.handle.arrive('two');
    peer.transport.requestRead();
    // What waits in the stream comes before what comes now.
    peer.handle.arrive('three');
    peer.onBurst = () => peer.transport.requestRead();
    await turn();
    expect(peer.events).toEqual(['received one', 'received two', 'received three']);
  });

  it('are copied: the next connection reads into the same memory', () => {
    const binding = new FakeBinding();
    const [one, two] = [new Peer(binding), new Peer(binding)];
    let kept: unknown;
    one.received = (bytes) => {
      kept = bytes;
    };
    one.transport.requestRead();
    two.transport.requestRead();
    one.handle.arrive('secret');
    two.handle.arrive('public');
    expect(`${kept}`).toBe('secret');
  });
});

describe('a promise that Node breaks', () => {
  const cases: readonly [why: string, count: number, total: number][] = [
    ['a count larger than what came', 11, 1],
    ['a count larger than the buffer', 64 * 1024 + 1, 64 * 1024 + 1],
    ['a count smaller than what came', 1, 11],
  ];
  for (const [why, count, total] of cases) {
    it(`${why}: the connection ends, nothing is delivered or shared`, async () => {
      const binding = new FakeBinding();
      const peer = new Peer(binding);
      peer.transport.requestRead();
      peer.handle.arrive('2', count, total);
      peer.handle.arrive('later');
      await turn();
      const text = `a read of ${count} bytes was counted otherwise`;
      expect(peer.events[0]).toMatch(`${text}; closing`);
      expect([peer.events.slice(1), binding.distrusted]).toEqual([['disconnected'], text]);
      expect(securedOver(binding, new FakeTlsSocket(new FakeHandle(binding)))).toBeUndefined();
    });
  }

  it('a read within a write ends the connection', async () => {
    const peer = new Peer(new FakeBinding());
    peer.transport.requestRead();
    peer.handle.answer = { within: () => peer.handle.arrive('go') };
    peer.write('one');
    await turn();
    expect(peer.events).toEqual(['failed a read came within a write; closing', 'disconnected']);
  });

  it('a write that succeeds within its call ends the connection', async () => {
    const peer = new Peer(new FakeBinding());
    peer.handle.answer = { within: () => peer.handle.complete(peer.handle.requests[0]!) };
    expect(peer.write('one')).toBe(false);
    await turn();
    expect(peer.events).toEqual(['failed a write ended within its call; closing', 'disconnected']);
  });

  it('a write that ends twice ends the connection', async () => {
    const peer = new Peer(new FakeBinding());
    peer.write('one');
    const [request] = peer.handle.requests;
    peer.handle.complete(request!);
    peer.handle.complete(request!);
    await turn();
    expect(peer.events).toEqual([
      'written',
      'failed a write ended that had ended already; closing',
      'disconnected',
    ]);
  });
});

describe('what many connections share', () => {
  it('is the memory of a write that stands encrypted in the queue of Node', () => {
    const binding = new FakeBinding();
    const [one, two, three] = [new Peer(binding), new Peer(binding), new Peer(binding)];
    one.handle.answer = { queued: 20 };
    one.write('on', 'e');
    two.handle.answer = { queued: 3 };
    two.write('tw', 'o');
    three.write('th', 'r');
    expect(one.handle.memory[0]!.buffer).toBe(two.handle.memory[0]!.buffer);
    expect(two.handle.memory[0]!.buffer).not.toBe(three.handle.memory[0]!.buffer);
    expect([two.handle.sent, three.handle.sent]).toEqual([['two'], ['thr']]);
  });

  it('is not reused if Node counted the write otherwise', () => {
    const binding = new FakeBinding();
    const [one, two] = [new Peer(binding), new Peer(binding)];
    one.handle.answer = { queued: 20, bytes: 2 };
    one.write('on', 'e');
    two.write('tw', 'o');
    expect(one.handle.sent).toEqual(['one']);
  });

  it('is a request whose completion has returned', () => {
    const binding = new FakeBinding();
    const [one, two] = [new Peer(binding), new Peer(binding)];
    one.written = () => void one.write('again');
    one.write('one');
    two.write('two');
    const [first, second] = [one.handle.requests[0]!, two.handle.requests[0]!];
    one.handle.complete(first);
    expect(one.handle.requests[1]).not.toBe(first);
    two.handle.complete(second);
    two.write('three');
    expect(two.handle.requests[1]).toBe(first);
  });
});

describe('writes', () => {
  it('of a flush are one write, which is over when the handle reports it', () => {
    const peer = new Peer(new FakeBinding());
    expect(peer.write('one', 'two')).toBe(false);
    expect([peer.handle.sent, peer.events]).toEqual([['onetwo'], []]);
    peer.handle.complete(peer.handle.requests[0]!);
    expect(peer.events).toEqual(['written']);
  });

  it('of large and small messages are one write, too', () => {
    const peer = new Peer(new FakeBinding());
    peer.write('a', 'b'.repeat(20_000), 'c');
    expect(peer.handle.sent).toEqual([`a${'b'.repeat(20_000)}c`]);
  });

  it('that are very large go in parts, so that a slow peer is seen to read', () => {
    const peer = new Peer(new FakeBinding());
    peer.write('x'.repeat(600 * 1024));
    const sizes = (): number[] => peer.handle.memory.map(({ length }) => length / 1024);
    expect([sizes(), peer.transport.unsentBytes]).toEqual([[256], 344 * 1024]);
    peer.handle.complete(peer.handle.requests[0]!);
    peer.handle.complete(peer.handle.requests[1]!);
    expect([sizes(), peer.events]).toEqual([[256, 256, 88], []]);
    peer.handle.complete(peer.handle.requests[2]!);
    expect(peer.events).toEqual(['written']);
  });

  it('that fail end the connection, within the call or later', async () => {
    const binding = new FakeBinding();
    const [one, two, three] = [new Peer(binding), new Peer(binding), new Peer(binding)];
    const fails = () => three.handle.complete(three.handle.requests[0]!, -constants.errno.EPIPE);
    three.handle.answer = { within: fails };
    three.write('three');
    one.handle.answer = { status: -constants.errno.EPIPE };
    one.write('one');
    two.write('two');
    two.handle.complete(two.handle.requests[0]!, -constants.errno.ECONNRESET);
    await turn();
    expect(one.events).toEqual(['failed TLS: write EPIPE', 'disconnected']);
    expect(three.events).toEqual(['failed TLS: write EPIPE', 'disconnected']);
    expect(binding.distrusted).toBeUndefined();
    expect(two.events).toEqual(['failed TLS: write ECONNRESET', 'disconnected']);
  });

  it('that end after the close are not reported', async () => {
    const peer = new Peer(new FakeBinding());
    peer.write('one');
    peer.transport.abort({ reason: 'local', by: 'local', error: undefined });
    peer.handle.complete(peer.handle.requests[0]!, -constants.errno.ECANCELED);
    await turn();
    expect(peer.events).toEqual(['disconnected']);
  });
});

describe('a socket on a handle that is not known', () => {
  it('is left to its stream', () => {
    const handles = [undefined, null, {}, { onread() {}, bytesRead: 0 }];
    const found = handles.map((_handle) =>
      securedOver(new FakeBinding(), Object.assign(new Duplex(), { _handle })),
    );
    expect(found).toEqual(handles.map(() => undefined));
  });
});
