import { LengthFieldFrameDecoder } from '@headrace/codec';
import { type Channel, type Context, type Handler, openChannel } from '@headrace/core';
import { BareSocket, VirtualClock } from '@headrace/core/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RelayHandler } from '../../src/routing/relay-handler.ts';

const HEADER_BYTES = 4;
const CONNECTIONS = 3;
const clock = new VirtualClock();

const PERIOD = 61;

/** What each connection carries: the two highest bits of a byte are its number. */
const CARRIED = Array.from({ length: CONNECTIONS + 1 }, (_, connection) => {
  const period = Array.from({ length: PERIOD }, (_, at) => (connection << 6) | at);
  return Buffer.alloc(2 << 20, Uint8Array.from(period));
});

function bytesOf(connection: number, from: number, length: number): Buffer {
  return CARRIED[connection]!.subarray(from, from + length);
}

/** Every view that a handler has kept, and its bytes as they were then. */
class Views {
  private readonly kept: (readonly [Buffer, Buffer])[] = [];

  keep(view: Buffer): void {
    this.kept.push([view, Buffer.from(view)]);
  }

  check(): void {
    expect(this.kept.every(([view, copy]) => view.equals(copy))).toBe(true);
  }
}

type Kind = 'keep' | 'keep once' | 'add' | 'delay';

/** A handler that keeps what it sees, and then does something to its pipeline. */
function onlooker(kind: Kind, views: Views): Handler {
  const late: Buffer[] = [];
  const passOn = (ctx: Context) => {
    for (const bytes of late.splice(0)) ctx.fireChannelRead(bytes);
  };
  return {
    channelRead(ctx: Context, bytes: Buffer) {
      views.keep(bytes);
      if (kind === 'keep once') ctx.pipeline.remove(ctx.name);
      else if (kind === 'add') ctx.pipeline.addFirst(onlooker('keep once', views));
      if (kind !== 'delay') ctx.fireChannelRead(bytes);
      else if (late.push(bytes) > 2) passOn(ctx);
    },
    handlerRemoved: passOn,
  };
}

/** One connection: frames that are kept, or a relay to a socket. */
class Connection {
  readonly socket = new BareSocket();
  readonly target = new BareSocket();
  readonly channel: Channel;
  readonly other: Channel;
  /** What its peer has sent and was not read yet. */
  private unread = Buffer.alloc(0);
  /** Bytes of messages: sent by the peer, and seen by the application. */
  private sent = 0;
  private seen = 0;
  private readonly number: number;
  private readonly views: Views;
  private readonly isRelay: boolean;

  constructor(number: number, isRelay: boolean, views: Views) {
    this.number = number;
    this.views = views;
    this.isRelay = isRelay;
    const options = { clock, outboundStallMs: false, initialize: () => {} } as const;
    this.channel = openChannel(this.socket, options);
    this.other = openChannel(this.target, options);
    const { pipeline } = this.channel;
    if (isRelay) pipeline.addLast(new RelayHandler(this.other) as Handler);
    else this.addDecoder();
  }

  private addDecoder(): void {
    this.channel.pipeline.addLast(
      new LengthFieldFrameDecoder({
        maxFrameLength: 1 << 20,
        lengthFieldLength: HEADER_BYTES,
        initialBytesToStrip: HEADER_BYTES,
      }) as Handler,
      {
        channelRead: (_ctx: Context, body: Buffer) => {
          this.views.keep(body);
          expect(body.equals(bytesOf(this.number, this.seen, body.length))).toBe(true);
          this.seen += body.length;
        },
      } as Handler,
    );
  }

  send(length: number): void {
    const header = Buffer.alloc(this.isRelay ? 0 : HEADER_BYTES);
    if (!this.isRelay) header.writeUInt32BE(length);
    this.unread = Buffer.concat([this.unread, header, bytesOf(this.number, this.sent, length)]);
    this.sent += length;
  }

  read(...lengths: readonly number[]): void {
    const parts = lengths.map((length) => {
      const part = this.unread.subarray(0, length);
      this.unread = this.unread.subarray(length);
      return part;
    });
    this.socket.read(...parts.filter(({ length }) => length > 0));
  }

  do(step: Step): void {
    const { pipeline } = this.channel;
    if (step.do === 'send') this.send(step.bytes);
    else if (step.do === 'read') this.read(...step.bytes);
    else if (step.do === 'add') pipeline.addFirst(onlooker(step.kind, this.views));
    else if (step.do === 'remove') this.removeFirst();
    else if (step.do === 'stall') this.target.takesAll = false;
    else this.drain();
  }

  /** The first handler, unless that is the decoder or the relay. */
  private removeFirst(): boolean {
    const { pipeline } = this.channel;
    const first = pipeline.first();
    if (first instanceof RelayHandler || first instanceof LengthFieldFrameDecoder) return false;
    return pipeline.removeIfExists(first!) !== undefined;
  }

  private drain(): void {
    this.target.takesAll = true;
    this.target.drain();
  }

  finish(): void {
    while (this.unread.length > 0) this.read(60_000);
    while (this.removeFirst());
    this.drain();
    this.other.flush();
    if (!this.isRelay) expect(this.seen).toBe(this.sent);
    else {
      const expected = bytesOf(this.number, 0, this.sent).toString('latin1');
      expect(this.target.taken === expected).toBe(true);
    }
  }
}

type Step =
  | { readonly do: 'send'; readonly bytes: number }
  | { readonly do: 'read'; readonly bytes: readonly number[] }
  | { readonly do: 'add'; readonly kind: Kind }
  | { readonly do: 'remove' | 'stall' | 'drain' };

const length = fc.oneof(
  fc.integer({ min: 1, max: 300 }),
  fc.integer({ min: 1000, max: 20_000 }),
  fc.constantFrom(2047, 4096, 16_384, 30_000),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('send' as const), bytes: length }) },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      bytes: fc.array(length, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      kind: fc.constantFrom<Kind>('keep', 'keep once', 'add', 'delay'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('remove' as const, 'stall', 'drain') }),
  },
);
const script = fc.array(
  fc.record({ connection: fc.integer({ min: 0, max: CONNECTIONS - 1 }), step }),
  { minLength: 10, maxLength: 60 },
);

it('no connection sees a byte of another one, and no view that a handler keeps is written over', () => {
  const relays = fc.array(fc.boolean(), { minLength: CONNECTIONS, maxLength: CONNECTIONS });
  fc.assert(
    fc.property(relays, script, (isRelay, steps) => {
      const views = new Views();
      const connections = isRelay.map((relays, i) => new Connection(i + 1, relays, views));
      for (const { connection, step } of steps) {
        connections[connection]!.do(step);
      }
      for (const connection of connections) connection.finish();
      views.check();
    }),
    { seed: 20_261_124, numRuns: 200 },
  );
});
