// One connection with a socket that does what the test says: the order of what the sink gets.
import { describe, expect, it } from 'vitest';
import type { BunApi, BunSocket } from '../../../src/transport/bun/bun-api.ts';
import { listenOnBun } from '../../../src/transport/bun/bun-sockets.ts';
import { BunTransport } from '../../../src/transport/bun/bun-transport.ts';
import type { AcceptedOptions } from '../../../src/transport/listen-target.ts';
import type { TransportSink } from '../../../src/transport/transport.ts';

const PROBES: AcceptedOptions = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelayMs: 30_000,
  keepAliveIntervalMs: 1000,
  keepAliveCount: 10,
};

class Scripted {
  readonly calls: string[] = [];
  readonly events: string[] = [];
  /** What the next writes return; all bytes after that. */
  taken: number[] = [];
  /** What was written, as it was taken. */
  readonly sent: string[] = [];
  /** Asks for the next read after each. */
  readsOn = false;
  onClose: () => void = () => {};
  readonly transport: BunTransport;

  constructor() {
    const note =
      (name: string, more = () => {}) =>
      () => {
        this.calls.push(name);
        more();
      };
    const socket: BunSocket<BunTransport | undefined> = {
      data: undefined,
      remoteAddress: '10.0.0.1',
      remotePort: 5,
      remoteFamily: 'IPv4',
      localAddress: '10.0.0.2',
      localPort: 6,
      localFamily: 'IPv4',
      write: (bytes, offset, length) => {
        const taken = this.taken.shift() ?? length;
        this.sent.push(Buffer.from(bytes.subarray(offset, offset + Math.max(0, taken))).toString());
        return taken;
      },
      pause: note('pause'),
      resume: note('resume'),
      shutdown: note('shutdown'),
      close: note('close', () => this.onClose()),
      terminate: note('terminate', () => this.onClose()),
      setNoDelay: () => true,
      setKeepAlive: () => true,
    };
    this.transport = new BunTransport(socket, true);
    this.onClose = () => this.transport.hasClosed(undefined);
  }

  open(): this {
    const note = (text: string) => void this.events.push(text);
    const sink: TransportSink = {
      isReadHeld: false,
      checkTurn() {},
      connected: () => note('connected'),
      received: (bytes) => note(`received ${bytes}`),
      readComplete: () => {
        if (this.readsOn) this.transport.requestRead();
      },
      inputEnded: () => note('inputEnded'),
      written: () => note('written'),
      outputEnded: () => note('outputEnded'),
      caught: (error) => note(`caught ${error.message}`),
      failed: (error) => note(`failed ${error.message}`),
      disconnected: () => note('disconnected'),
    };
    this.transport.open(sink);
    return this;
  }
}

const ticks = async () => {
  for (let i = 0; i < 5; i++) await new Promise((done) => process.nextTick(done));
};
const text = (value: string) => Buffer.from(value);

describe('input', () => {
  it('waits until it is asked for, one burst for each request', async () => {
    const { transport, events, calls } = new Scripted().open();
    transport.requestRead();
    transport.hasRead(text('one'));
    transport.hasRead(text('two'));
    transport.hasRead(text('three'));
    expect([events, calls]).toEqual([['received one'], ['resume', 'pause']]);
    transport.requestRead();
    await ticks();
    expect(events).toEqual(['received one', 'received two']);
  });

  it('goes on without a pause while it is asked for within the burst', async () => {
    const scripted = new Scripted().open();
    scripted.readsOn = true;
    const { transport, events, calls } = scripted;
    transport.requestRead();
    for (const part of ['a', 'b', 'c']) transport.hasRead(text(part));
    expect([events, calls]).toEqual([['received a', 'received b', 'received c'], ['resume']]);
  });

  it('comes before the end and the close that followed it', async () => {
    const { transport, events } = new Scripted().open();
    transport.hasRead(text('late'));
    transport.hasEnded();
    transport.hasClosed(undefined);
    await ticks();
    expect(events).toEqual([]);
    transport.requestRead();
    await ticks();
    transport.requestRead();
    await ticks();
    expect(events).toEqual(['received late', 'inputEnded', 'disconnected']);
  });

  it('that came before the sink is kept for it', async () => {
    const scripted = new Scripted();
    scripted.transport.hasRead(text('early'));
    scripted.open().transport.requestRead();
    await ticks();
    expect(scripted.events).toEqual(['received early']);
  });

  it('is dropped by a reset', async () => {
    const { transport, events } = new Scripted().open();
    transport.hasRead(text('lost'));
    transport.hasClosed(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
    await ticks();
    expect(events).toEqual(['failed read ECONNRESET', 'disconnected']);
  });
});

describe('output', () => {
  it('that the kernel takes in parts is sent from where it stopped', () => {
    const scripted = new Scripted().open();
    const { transport, events, sent } = scripted;
    scripted.taken = [2, 1, 0];
    expect(transport.write([text('abcdef')], 6)).toBe(false);
    expect(transport.unsentBytes).toBe(4);
    transport.hasDrained();
    expect(transport.unsentBytes).toBe(3);
    transport.hasDrained();
    expect(events).toEqual([]);
    transport.hasDrained();
    transport.hasDrained();
    expect([sent.join(''), events, transport.unsentBytes]).toEqual(['abcdef', ['written'], 0]);
  });

  it('of several messages is one write, and what is left of it is a copy', () => {
    const one = new Scripted().open();
    const other = new Scripted().open();
    one.taken = [3];
    expect(one.transport.write([text('abc'), text('def')], 6)).toBe(false);
    expect(other.transport.write([text('uvw'), text('xyz')], 6)).toBe(true);
    one.transport.hasDrained();
    expect([one.sent, other.sent]).toEqual([['abc', 'def'], ['uvwxyz']]);
  });

  it('of large messages keeps its order when one of them is taken in part', () => {
    const scripted = new Scripted().open();
    const parts = ['a', 'b', 'c'].map((letter) => text(letter.repeat(40_000)));
    scripted.taken = [40_000, 10];
    expect(scripted.transport.write(parts, 120_000)).toBe(false);
    expect(scripted.transport.unsentBytes).toBe(79_990);
    scripted.transport.hasDrained();
    expect(scripted.sent.join('')).toBe(parts.join(''));
  });

  it('of a message that sends another one while it is written is not mixed', () => {
    const one = new Scripted().open();
    const other = new Scripted().open();
    const source = {
      byteLength: 2,
      writeTo(to: Uint8Array, at: number) {
        other.transport.write([text('12'), text('34')], 4);
        to.set([98, 99], at);
      },
    };
    one.transport.write([text('a'), source, text('d')], 4);
    expect([one.sent, other.sent]).toEqual([['abcd'], ['1234']]);
  });

  it('that Bun refuses fails the connection, after the call', async () => {
    const scripted = new Scripted().open();
    scripted.taken = [-1];
    expect(scripted.transport.write([text('x')], 1)).toBe(false);
    expect(scripted.events).toEqual([]);
    await ticks();
    expect(scripted.events).toEqual(['failed write EPIPE', 'disconnected']);
  });

  it('that Bun counts wrongly fails the connection', async () => {
    const scripted = new Scripted().open();
    scripted.taken = [2];
    expect(scripted.transport.write([text('x')], 1)).toBe(false);
    await ticks();
    expect(scripted.events[0]).toMatch(/^failed Bun took 2 bytes/);
  });
});

describe('the end', () => {
  it('of a close or an abort is reported later, and once', async () => {
    for (const end of ['close', 'abort'] as const) {
      const { transport, events, calls } = new Scripted().open();
      transport[end]();
      transport.hasRead(text('x'));
      expect([events, transport.isActive]).toEqual([[], false]);
      transport[end]();
      await ticks();
      expect([events, calls]).toEqual([
        ['disconnected'],
        [end === 'close' ? 'close' : 'terminate'],
      ]);
    }
  });

  it('of both halves comes in order when Bun reports only the close', async () => {
    const { transport, events } = new Scripted().open();
    transport.requestRead();
    transport.shutdownOutput();
    transport.hasClosed(undefined);
    await ticks();
    expect(events).toEqual(['outputEnded', 'inputEnded', 'disconnected']);
  });

  it('of a connection whose callback threw is its failure', async () => {
    const { transport, events, calls } = new Scripted().open();
    transport.hasThrown(new Error('boom'));
    await ticks();
    expect([events, calls]).toEqual([['failed boom', 'disconnected'], ['close']]);
  });

  it('keeps the addresses', () => {
    const { transport } = new Scripted().open();
    transport.close();
    expect([transport.localAddress, transport.remoteAddress]).toEqual([
      { host: '10.0.0.2', port: 6, family: 'IPv4' },
      { host: '10.0.0.1', port: 5, family: 'IPv4' },
    ]);
  });
});

it('a listener refuses keepalive probes that the sockets of Bun cannot set', () => {
  const options = { ...PROBES, keepAliveCount: 3 };
  const listen = (given: AcceptedOptions) => listenOnBun({} as BunApi, { port: 0 }, given, 'test');
  expect(() => listen(options)).toThrow('keepAliveCount needs a Node whose');
  expect(() => listen(PROBES)).not.toThrow();
});
