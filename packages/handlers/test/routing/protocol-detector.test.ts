import {
  type Context,
  DrainEvent,
  type Handler,
  isHeadraceError,
  type OutboundBytes,
} from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isHttpRequest, type Protocol, startsWith } from '../../src/routing/protocol.ts';
import {
  ProtocolDetectedEvent,
  ProtocolDetector,
  type ProtocolDetectorOptions,
} from '../../src/routing/protocol-detector.ts';

/** Notes what reaches it, under its protocol's name. */
class Notes implements Handler {
  readonly name: string;
  readonly into: string[];

  constructor(name: string, into: string[]) {
    this.name = name;
    this.into = into;
  }

  channelRead(_ctx: Context, bytes: Buffer): void {
    this.into.push(`${this.name}:${bytes.toString('latin1')}`);
  }

  channelReadComplete(): void {
    this.into.push('complete');
  }

  userEventTriggered(_ctx: Context, event: unknown): void {
    if (event instanceof ProtocolDetectedEvent) this.into.push(`event ${event.protocol}`);
  }
}

type Options = Partial<ProtocolDetectorOptions>;

function detecting(options: Options = {}): { channel: EmbeddedChannel; notes: string[] } {
  const notes: string[] = [];
  const install =
    (name: string): Protocol['install'] =>
    (channel) =>
      channel.pipeline.addLast(new Notes(name, notes));
  const detector = new ProtocolDetector({
    protocols: [
      { name: 'frames', matches: (prefix) => prefix[0] === 0, install: install('frames') },
      { name: 'http', matches: startsWith('GET ', 'POST '), install: install('http') },
    ],
    otherwise: install('lines'),
    ...options,
  });
  return { channel: new EmbeddedChannel(detector), notes };
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('ProtocolDetector', () => {
  it.each([
    ['\0\0\0\x02hi', 'frames'],
    ['GET / HTTP/1.1', 'http'],
    ['POST /x', 'http'],
    ['AUTH:ann\n', 'lines'],
    ['GOT IT', 'lines'],
  ])('recognizes %j as %s, passes every byte on and is gone', (text, name) => {
    const { channel, notes } = detecting();
    channel.writeInbound(bytes(text));
    expect(notes).toEqual([
      `event ${name === 'lines' ? 'otherwise' : name}`,
      `${name}:${text}`,
      'complete',
    ]);
    expect(channel.pipeline.get(ProtocolDetector)).toBeUndefined();
    expect(channel.attributes.get(ProtocolDetector.PROTOCOL)).toBe(
      name === 'lines' ? 'otherwise' : name,
    );
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it('decides the same however the bytes were cut, and loses none', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('\0\0\0\x01a', 'GET /ws', 'POST /', 'GEx', 'hello\n'),
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 20 }),
        (text, cuts) => {
          const { channel, notes } = detecting();
          let at = 0;
          for (const cut of cuts) {
            channel.writeInbound(bytes(text.slice(at, at + cut)));
            at += cut;
          }
          channel.writeInbound(bytes(text.slice(at)));
          const read = notes.filter((note) => note.includes(':'));
          const names = new Set(read.map((note) => note.slice(0, note.indexOf(':'))));
          expect(names.size).toBe(1);
          expect(read.map((note) => note.slice(note.indexOf(':') + 1)).join('')).toBe(text);
        },
      ),
    );
  });

  it('holds a read back, and its end too, while more bytes are needed', () => {
    const { channel, notes } = detecting();
    channel.writeInbound(bytes('GE'));
    expect(notes).toEqual([]);
    channel.writeInbound(bytes('T '));
    expect(notes).toEqual(['event http', 'http:GET ', 'complete']);
  });

  it('tries a later protocol only when the earlier ones do not match', () => {
    const notes: string[] = [];
    const any: Protocol = {
      name: 'any',
      matches: () => true,
      install: (channel) => channel.pipeline.addLast(new Notes('any', notes)),
    };
    const magic: Protocol = {
      name: 'magic',
      matches: startsWith(Buffer.from([1, 2, 3])),
      install: (channel) => channel.pipeline.addLast(new Notes('magic', notes)),
    };
    const channel = new EmbeddedChannel(new ProtocolDetector({ protocols: [magic, any] }));
    channel.writeInbound(bytes('\x01\x02'));
    expect(notes).toEqual([]);
    channel.writeInbound(bytes('x'));
    expect(notes[1]).toBe('any:\x01\x02x');
  });

  it('takes need-more as no when maxBytes are there, and shows no more than those', () => {
    const seen: number[] = [];
    const greedy: Protocol = {
      name: 'greedy',
      matches: (prefix) => {
        seen.push(prefix.length);
        return 'need-more';
      },
      install: () => {},
    };
    const { channel, notes } = detecting({ protocols: [greedy], maxBytes: 4 });
    channel.writeInbound(bytes('abc'));
    expect(notes).toEqual([]);
    channel.writeInbound(bytes('defgh'));
    expect(notes).toContain('lines:abcdefgh');
    expect(seen).toEqual([3, 4]);
  });

  it('keeps the order when a handler just installed causes more input', () => {
    const notes: string[] = [];
    let channel: EmbeddedChannel;
    const eager: Handler = {
      channelRead: (_ctx, read: Buffer) => {
        notes.push(String(read));
        if (notes.length === 1) channel.writeOneInbound(bytes('second'));
      },
    };
    channel = new EmbeddedChannel(
      new ProtocolDetector({
        protocols: [
          { name: 'all', matches: () => true, install: (c) => c.pipeline.addLast(eager) },
        ],
      }),
    );
    channel.writeInbound(bytes('first'), bytes('third'));
    expect(notes).toEqual(['first', 'second', 'third']);
  });

  it('lets install put handlers before those that are after it already', () => {
    const notes: string[] = [];
    const upper: Handler = {
      channelRead: (ctx, read: Buffer) => ctx.fireChannelRead(bytes(String(read).toUpperCase())),
    };
    const channel = new EmbeddedChannel(
      new ProtocolDetector({
        protocols: [
          {
            name: 'upper',
            matches: () => true,
            install: (c, ctx) => c.pipeline.addAfter(ctx.name, upper),
          },
        ],
      }),
      new Notes('app', notes),
    );
    channel.writeInbound(bytes('hi'));
    expect(notes).toContain('app:HI');
  });

  it('raises MESSAGE_INVALID with the first bytes when nothing matches, and drops the rest', () => {
    const { channel } = detecting({ otherwise: undefined as never });
    expect(() => channel.writeInbound(Buffer.from('1603010200', 'hex'))).toThrow(
      /1603010200, which looks like TLS: none of the protocols frames, http/,
    );
    channel.writeInbound(bytes('GET '));
    expect(channel.readInbound()).toBeUndefined();
  });

  it('raises TIMEOUT_READ when nothing decides in time', () => {
    const { channel } = detecting({ timeoutMs: 500 });
    channel.writeInbound(bytes('G'));
    channel.advance(499);
    channel.checkException();
    channel.advance(1);
    let code: unknown;
    try {
      channel.checkException();
    } catch (error) {
      code = isHeadraceError(error, 'TIMEOUT_READ');
    }
    expect(code).toBe(true);
    channel.writeInbound(bytes('ET / HTTP'));
    expect(channel.readInbound()).toBeUndefined();
  });

  it('asks handleTimeout about a connection that never sends a byte', () => {
    const prefixes: string[] = [];
    const { channel } = detecting({
      handleTimeout: (ctx, prefix) => {
        prefixes.push(String(prefix));
        ctx.writeAndFlush(bytes('ERR:AUTH_TIMEOUT\n'));
        ctx.channel.end({ reason: 'unauthenticated' });
        return undefined;
      },
    });
    channel.advance(10_000);
    expect(prefixes).toEqual(['']);
    expect(String(channel.readOutbound())).toBe('ERR:AUTH_TIMEOUT\n');
    channel.endInput();
    expect(channel.closeInfo?.reason).toBe('unauthenticated');
  });

  it('closes as without handleTimeout when it returned nothing and left the channel open', () => {
    const caught = (options: Options): unknown => {
      const { channel, notes } = detecting(options);
      channel.writeInbound(bytes('G'));
      channel.advance(10_000);
      let error: unknown;
      try {
        channel.checkException();
      } catch (thrown) {
        error = thrown;
      }
      expect(notes).toEqual([]);
      return error;
    };
    const error = caught({ handleTimeout: () => undefined });
    expect(isHeadraceError(error, 'TIMEOUT_READ')).toBe(true);
    expect((error as Error).message).toBe((caught({}) as Error).message);
    expect(
      caught({ handleTimeout: (ctx) => void ctx.channel.end({ reason: 'timeout' }) as undefined }),
    ).toBeUndefined();
  });

  it('leaves the channel to a handleTimeout that has put other handlers in its place', () => {
    const { channel, notes } = detecting({
      handleTimeout: (ctx) => {
        ctx.pipeline.addLast(new Notes('own', notes));
        ctx.pipeline.remove(ctx.name);
        return undefined;
      },
    });
    channel.advance(10_000);
    channel.checkException();
    channel.writeInbound(bytes('hi'));
    expect(notes).toContain('own:hi');
  });

  it('installs the protocol that handleTimeout names, for servers that speak first', () => {
    const greeter: Protocol = {
      name: 'smtp',
      matches: () => false,
      install: (channel) => void channel.writeAndFlush(bytes('220 ready\r\n')),
    };
    const { channel } = detecting({
      protocols: [greeter],
      timeoutMs: 300,
      handleTimeout: () => 'smtp',
    });
    channel.advance(300);
    expect(String(channel.readOutbound())).toBe('220 ready\r\n');
    expect(channel.attributes.get(ProtocolDetector.PROTOCOL)).toBe('smtp');
    expect(channel.pipeline.names()).toEqual([]);
  });

  it('installs otherwise at the deadline only if handleTimeout names it', () => {
    const { channel, notes } = detecting({ handleTimeout: () => 'otherwise' });
    channel.advance(10_000);
    channel.writeInbound(bytes('hi'));
    expect(notes).toContain('lines:hi');
  });

  it.each<[string, unknown, Options, string]>([
    [
      'a misspelled name',
      'frmaes',
      {},
      '"frmaes"; there are frames, http, otherwise; did you mean frames?',
    ],
    ['a name like no other', 'x', {}, '"x"; there are frames, http, otherwise'],
    ['no text', null, {}, 'null; there are frames, http, otherwise'],
    [
      'otherwise without the option',
      'otherwise',
      { otherwise: undefined as never },
      '"otherwise"; there are frames, http',
    ],
  ])('fails on a channel for which handleTimeout returned %s', (_what, name, options, text) => {
    const { channel, notes } = detecting({ ...options, handleTimeout: () => name as string });
    channel.writeInbound(bytes('GE'));
    channel.advance(10_000);
    let caught: unknown;
    try {
      channel.checkException();
    } catch (error) {
      caught = error;
    }
    expect(isHeadraceError(caught, 'OPTION_INVALID')).toBe(true);
    expect((caught as Error).message).toBe(`handleTimeout returned ${text}`);
    expect(channel.attributes.get(ProtocolDetector.PROTOCOL)).toBeUndefined();
    expect(notes).toEqual([]);
  });

  it.each(['need more', 'needs-more', 1, {}])('fails for a matches that returned %j', (answer) => {
    const { channel, notes } = detecting({
      protocols: [{ name: 'http', matches: () => answer as 'need-more', install: () => {} }],
    });
    expect(() => channel.writeInbound(bytes('GE'))).toThrow(
      /^the matches of http returned .+, but must return true, false or 'need-more'$/,
    );
    expect(notes).toEqual([]);
  });

  it.each([undefined, null, 0, ''])('takes a matches that returned %j for a no', (answer) => {
    const { channel, notes } = detecting({
      protocols: [{ name: 'http', matches: () => answer as never, install: () => {} }],
    });
    channel.writeInbound(bytes('GE'));
    expect(notes).toContain('lines:GE');
  });

  it('routes a throw of handleTimeout or install as an error of the channel', () => {
    const timeout = detecting({
      handleTimeout: () => {
        throw new Error('hook');
      },
    });
    timeout.channel.advance(10_000);
    expect(() => timeout.channel.checkException()).toThrow('hook');
    const install = detecting({
      otherwise: () => {
        throw new Error('cannot');
      },
    });
    expect(() => install.channel.writeInbound(bytes('x'))).toThrow('cannot');
  });

  it('asks for input itself while auto-read is off', () => {
    const notes: string[] = [];
    const channel = EmbeddedChannel.with(
      { autoRead: false },
      new ProtocolDetector({
        protocols: [
          {
            name: 'http',
            matches: startsWith('GET '),
            install: (c) => c.pipeline.addLast(new Notes('http', notes)),
          },
        ],
      }),
    );
    expect(channel.embedded.isReading).toBe(true);
    const { reads } = channel.embedded;
    channel.writeInbound(bytes('GE'));
    expect(channel.embedded.reads).toBe(reads + 1);
    channel.writeInbound(bytes('T '));
    expect(channel.embedded.reads).toBe(reads + 1);
    expect(notes).toContain('http:GET ');
  });

  it('decides by what is there when the peer has ended its half', () => {
    const notes: string[] = [];
    const channel = EmbeddedChannel.with(
      { allowHalfOpen: true },
      new ProtocolDetector({
        protocols: [{ name: 'http', matches: startsWith('GET '), install: () => {} }],
        otherwise: (c) => c.pipeline.addLast(new Notes('lines', notes)),
      }),
    );
    channel.writeInbound(bytes('GE'));
    channel.endInput();
    expect(notes).toContain('lines:GE');
  });

  it('passes on held messages when it is removed, and nothing after the close', () => {
    const { channel } = detecting();
    channel.writeInbound(bytes('GE'));
    channel.run(() => channel.pipeline.remove(ProtocolDetector));
    expect(String(channel.readInbound())).toBe('GE');
    const closed = detecting();
    closed.channel.writeInbound(bytes('GE'));
    expect(closed.channel.finish().inbound).toEqual([]);
    expect(closed.channel.clock.pendingTimers).toBe(0);
  });

  it('ends an undecided connection when the server shuts down', () => {
    const { channel } = detecting();
    channel.run(() => channel.pipeline.fireUserEventTriggered(new DrainEvent(1000)));
    channel.endInput();
    expect(channel.closeInfo?.reason).toBe('shutdown');
  });

  it('takes every method of HTTP for HTTP, however it is cut', () => {
    for (const method of 'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH'.split(' ')) {
      const start = Buffer.from(`${method} `);
      for (let length = 1; length < start.length; length++) {
        expect(isHttpRequest(start.subarray(0, length))).toBe('need-more');
      }
      expect(isHttpRequest(Buffer.from(`${method} / HTTP/1.1`))).toBe(true);
      expect(isHttpRequest(Buffer.from(`${method}:ann`))).toBe(false);
    }
  });

  it('refuses protocols without names of their own, and bounds that are not valid', () => {
    const one: Protocol = { name: 'a', matches: () => true, install: () => {} };
    expect(() => new ProtocolDetector({ protocols: [one, one] })).toThrow(/names of their own/);
    expect(() => new ProtocolDetector({ protocols: [{ ...one, name: 'otherwise' }] })).toThrow(
      /names of their own/,
    );
    const wrong = [
      [{ name: '' }, 'protocols[1].name is "", but must be a text'],
      [{ name: 5 }, 'protocols[1].name is 5, but must be a text'],
      [{ matches: undefined }, 'protocols[1].matches is undefined, but must be a function'],
      [{ install: true }, 'protocols[1].install is true, but must be a function'],
    ] as const;
    for (const [part, text] of wrong) {
      const protocols = [one, { ...one, name: 'b', ...part } as never];
      expect(() => new ProtocolDetector({ protocols })).toThrow(text);
    }
    expect(() => new ProtocolDetector({ protocols: [null as never] })).toThrow(
      'protocols[0] is null, but must be a protocol: an object with name, matches and install',
    );
    expect(() => new ProtocolDetector({ protocols: [], maxBytes: 0 })).toThrow(/maxBytes/);
    expect(() => new ProtocolDetector({ protocols: [], timeoutMs: -1 })).toThrow(/timeoutMs/);
    expect(() => startsWith()).toThrow(/at least one/);
  });

  it('takes any outbound message while it stands', () => {
    const { channel } = detecting();
    const message: OutboundBytes = bytes('hello');
    channel.writeOutbound(message);
    expect(channel.readOutbound()).toBe(message);
  });
});
