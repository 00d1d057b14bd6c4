import {
  encodeProxyHeader,
  PROXY_HEADER,
  ProxyProtocolDecoder,
  ProxyProtocolEvent,
  type ProxyTlv,
  proxyHeader,
  proxyTlv,
} from '@headrace/codec';
import {
  type Address,
  CLIENT_ADDRESS,
  type Context,
  clientAddress,
  type Handler,
} from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import type { ProxyProtocolDecoderOptions } from '../../src/proxy-protocol/proxy-protocol-decoder.ts';

const LINE = 'PROXY TCP4 203.0.113.7 192.0.2.1 51000 443\r\n';
const CLIENT: Address = { host: '203.0.113.7', port: 51_000, family: 'IPv4' };
const SERVER: Address = { host: '192.0.2.1', port: 443, family: 'IPv4' };

/** Notes what comes out of the decoder, in order. */
class Notes implements Handler {
  readonly entries: string[] = [];

  channelActive(): void {
    this.entries.push('active');
  }

  channelRead(_ctx: Context, message: Buffer): void {
    this.entries.push(message.toString('latin1'));
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (!(event instanceof ProxyProtocolEvent)) return;
    const address = clientAddress(ctx.channel);
    this.entries.push(`client ${address === undefined ? '?' : (address as { host: string }).host}`);
  }

  exceptionCaught(_ctx: Context, error: Error): void {
    this.entries.push(`${(error as { code?: string }).code}`);
  }

  channelInactive(): void {
    this.entries.push('inactive');
  }
}

interface Setup {
  readonly channel: EmbeddedChannel;
  readonly notes: Notes;
  feed(bytes: string | Buffer): void;
}

function setup(options: Partial<ProxyProtocolDecoderOptions> = {}): Setup {
  const notes = new Notes();
  const decoder = new ProxyProtocolDecoder({ trusted: 'any', ...options });
  const channel = new EmbeddedChannel(decoder, notes);
  const feed = (bytes: string | Buffer): void => {
    channel.writeInbound(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  };
  return { channel, notes, feed };
}

const block = (tlvs: readonly ProxyTlv[] = [proxyTlv.text('alpn', 'h2')]): Buffer =>
  encodeProxyHeader(proxyHeader(CLIENT, SERVER, { tlvs }));

describe('ProxyProtocolDecoder', () => {
  it('takes a line, announces the client, passes the rest on and removes itself', () => {
    const { channel, notes, feed } = setup();
    feed(`${LINE}hello`);
    feed('again');
    expect(notes.entries).toEqual(['client 203.0.113.7', 'active', 'hello', 'again']);
    expect(channel.pipeline.get(ProxyProtocolDecoder)).toBeUndefined();
    expect(channel.attributes.get(PROXY_HEADER)).toMatchObject({
      version: 1,
      transport: 'tcp4',
      source: CLIENT,
      destination: SERVER,
    });
  });

  it('takes a block byte by byte', () => {
    const { notes, feed } = setup();
    for (const byte of block()) feed(Buffer.from([byte]));
    feed('x');
    expect(notes.entries).toEqual(['client 203.0.113.7', 'active', 'x']);
  });

  it('reads every TLV that the protocol names', () => {
    const ssl = proxyTlv.ssl({
      hasConnectionCertificate: true,
      verify: 7,
      tlvs: [proxyTlv.text('ssl-version', 'TLSv1.3'), proxyTlv.text('ssl-cn', 'ann')],
    });
    const { channel, feed } = setup();
    feed(
      block([
        proxyTlv.text('authority', 'example.org'),
        proxyTlv.uniqueId(Buffer.from([1, 2])),
        proxyTlv.noop(2),
        proxyTlv.text('netns', 'blue'),
        proxyTlv.crc32c(),
        proxyTlv.other(0xe0, Buffer.from('mine')),
        ssl,
      ]),
    );
    const tlvs = channel.attributes.get(PROXY_HEADER)!.tlvs;
    expect(tlvs.map(({ name }) => name)).toEqual([
      ...['authority', 'unique-id', 'noop', 'netns', 'crc32c', 'other', 'ssl'],
    ]);
    expect(tlvs[0]).toMatchObject({ text: 'example.org' });
    expect(tlvs[6]).toMatchObject({
      isTls: true,
      hasConnectionCertificate: true,
      hasSessionCertificate: false,
      verify: 7,
      tlvs: [{ text: 'TLSv1.3' }, { text: 'ann' }],
    });
  });

  it('refuses a block whose checksum is wrong', () => {
    const bytes = block([proxyTlv.crc32c()]);
    bytes[bytes.length - 1]! ^= 1;
    const { notes, feed } = setup();
    feed(bytes);
    expect(notes.entries).toContain('HR_ERR_FRAME_CORRUPT');
  });

  it.each([
    ['a TLV that runs past the end', 'HR_ERR_FRAME_CORRUPT', '040002aa'],
    ['a TLV that runs past the one around it', 'HR_ERR_FRAME_CORRUPT', '200009010000000004000203'],
    ['a TLV without its value', 'HR_ERR_FRAME_CORRUPT', '040002'],
    ['a TLV without its length', 'HR_ERR_FRAME_CORRUPT', '04'],
    ['a TLV with half its length', 'HR_ERR_FRAME_CORRUPT', 'eb0001610400'],
    [
      'a TLV cut within the one around it',
      'HR_ERR_FRAME_CORRUPT',
      '200007010000000004 00'.replace(' ', ''),
    ],
    ['an empty TLV at the end', 'client 203.0.113.7', '040000'],
  ])('reads %s as %s', (_name, entry, hex) => {
    const tlvs = Buffer.from(hex, 'hex');
    const whole = Buffer.concat([block([]), tlvs]);
    whole.writeUInt16BE(12 + tlvs.length, 14);
    const { notes, feed } = setup();
    feed(whole);
    expect(notes.entries).toContain(entry);
  });

  it.each([...['-0', '+0', '00', '+1', '0443', '65536', '4294967297', '1e3', '0x1', '\u0661']])(
    'refuses port %s in a line',
    (port) => {
      for (const ports of [`${port} 443`, `443 ${port}`]) {
        const { notes, feed } = setup();
        feed(`PROXY TCP4 203.0.113.7 192.0.2.1 ${ports}\r\n`);
        expect(notes.entries).toContain('HR_ERR_FRAME_CORRUPT');
      }
    },
  );

  it('reads port 0 in a line', () => {
    const { channel, feed } = setup();
    feed('PROXY TCP4 203.0.113.7 192.0.2.1 0 443\r\n');
    expect(channel.attributes.get(PROXY_HEADER)?.source).toEqual({ ...CLIENT, port: 0 });
  });

  it.each([
    ['empty ones', Array.from({ length: 33 }, () => proxyTlv.noop(0))],
    [
      'such that lie in others',
      [proxyTlv.ssl({ tlvs: Array.from({ length: 32 }, () => proxyTlv.noop(0)) })],
    ],
  ])('refuses more TLVs than are worth their memory: %s', (_name, tlvs) => {
    const { notes, feed } = setup();
    feed(block(tlvs));
    expect(notes.entries).toContain('HR_ERR_FRAME_TOO_LONG');
    const other = setup();
    other.feed(block(tlvs.slice(0, 32).map(() => proxyTlv.noop(0))));
    expect(other.channel.attributes.get(PROXY_HEADER)?.tlvs).toHaveLength(
      Math.min(32, tlvs.length),
    );
  });

  it('keeps the own address of the connection for UNKNOWN and LOCAL', () => {
    for (const header of [
      'PROXY UNKNOWN ffff:: ffff:: 1 2\r\n',
      encodeProxyHeader(proxyHeader(undefined, undefined)),
    ]) {
      const { channel, notes, feed } = setup();
      feed(header);
      expect(notes.entries).toEqual([expect.stringContaining('client'), 'active']);
      expect(clientAddress(channel)).toEqual(channel.remoteAddress);
      expect(channel.attributes.get(CLIENT_ADDRESS)).toEqual(channel.remoteAddress);
      expect(channel.attributes.get(PROXY_HEADER)!.source).toBeUndefined();
    }
  });

  it('writes each IPv6 address in one way only', () => {
    const { channel, feed } = setup();
    feed('PROXY TCP6 2001:0DB8:0:0:0:0:0:1 ::FFFF:1.2.3.4 1 2\r\n');
    expect(channel.attributes.get(PROXY_HEADER)).toMatchObject({
      source: { host: '2001:db8::1', family: 'IPv6' },
      destination: { host: '::ffff:1.2.3.4', family: 'IPv6' },
    });
  });

  it.each([
    ['a web browser', 'GET / HTTP/1.1\r\n'],
    ['a TLS client', '\x16\x03\x01\x02\x00\x01'],
    ['one wrong byte', 'PROXi'],
    ['version 1 in a binary header', '\r\n\r\n\x00\r\nQUIT\n\x11'],
    ['an unknown command', '\r\n\r\n\x00\r\nQUIT\n\x22'],
    ['an unknown address family', '\r\n\r\n\x00\r\nQUIT\n\x21\x41'],
    ['less than two addresses', '\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0b'],
    ['an octal address', 'PROXY TCP4 010.0.0.1 1.2.3.4 1 2\r\n'],
    ['a port beyond the last', 'PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n'],
    ['a missing port', 'PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n'],
    ['two spaces', 'PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n'],
    ['a space at the end', 'PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n'],
    ['another protocol', 'PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n'],
    ['an address of the other family', 'PROXY TCP4 ::1 ::1 1 2\r\n'],
    ['an unknown protocol', '\r\n\r\n\x00\r\nQUIT\n\x21\x13'],
  ])('refuses %s at once and ends politely', (_what, bytes) => {
    const { channel, notes, feed } = setup();
    feed(bytes);
    expect(notes.entries).toEqual(['HR_ERR_FRAME_CORRUPT']);
    expect(channel.isOutputShutdown).toBe(true);
    feed('more');
    expect(notes.entries.length).toBe(1);
  });

  it('names what a peer that sends no header seems to speak', () => {
    const channel = new EmbeddedChannel(new ProxyProtocolDecoder({ trusted: 'any' }));
    expect(() => channel.writeInbound(Buffer.from('GET / HTTP/1.1\r\n'))).toThrow(/speak HTTP/);
  });

  it('refuses a block over the limit as soon as its length is known', () => {
    const { notes, feed } = setup({ maxTlvBytes: 10 });
    feed(Buffer.from('0d0a0d0a000d0a515549540a211100f3', 'hex'));
    expect(notes.entries).toEqual(['HR_ERR_FRAME_TOO_LONG']);
  });

  it('refuses a line over 108 bytes, and takes one of 108 in any cut', () => {
    const line = `PROXY UNKNOWN ${'x'.repeat(94)}`;
    for (const at of [20, 107, 108, 109]) {
      const { notes, feed } = setup();
      feed(`${line}\r\n`.slice(0, at));
      feed(`${line}\r\n`.slice(at));
      expect(notes.entries.length).toBe(2);
      expect(notes.entries[0]).toMatch(/^client/);
    }
    const { notes, feed } = setup();
    feed(`${line}y`);
    expect(notes.entries).toEqual(['HR_ERR_FRAME_TOO_LONG']);
  });

  it('reports a too long line at its end, if so configured', () => {
    const { notes, feed } = setup({ refusal: 'at-its-end' });
    feed('x'.repeat(5000));
    feed('x'.repeat(5000));
    expect(notes.entries).toEqual([]);
    feed('\r\n');
    expect(notes.entries).toEqual(['HR_ERR_FRAME_TOO_LONG']);
  });

  it('ends a connection whose header does not come in time', () => {
    const { channel, notes, feed } = setup({ headerTimeoutMs: 1000 });
    feed('PROXY');
    channel.clock.advance(999);
    expect(notes.entries).toEqual([]);
    channel.clock.advance(1);
    expect(notes.entries).toEqual(['HR_ERR_TIMEOUT_READ']);
    expect(channel.isOutputShutdown).toBe(true);
  });

  it('stops the deadline with the header', () => {
    const { channel, notes, feed } = setup({ headerTimeoutMs: 1000 });
    feed(LINE);
    channel.clock.advance(5000);
    expect(notes.entries).toEqual(['client 203.0.113.7', 'active']);
  });

  it('does not count time in which reads are held against the peer', () => {
    const { channel, notes } = setup({ headerTimeoutMs: 1000 });
    channel.autoRead = false;
    channel.clock.advance(5000);
    expect(notes.entries).toEqual([]);
  });

  it('asks for the message that the application asked for', () => {
    const { channel } = setup();
    channel.autoRead = false;
    let reads = 0;
    channel.pipeline.addFirst({
      read(ctx: Context) {
        reads += 1;
        ctx.read();
      },
    });
    channel.writeInbound(Buffer.from(LINE));
    expect(reads).toBeGreaterThan(0);
  });

  it('announces the client before channelActive, and data after it', () => {
    const { channel, notes, feed } = setup();
    expect([channel.isActive, notes.entries]).toEqual([true, []]);
    feed(LINE.slice(0, 20));
    channel.clock.advance(4000);
    expect(notes.entries).toEqual([]);
    feed(`${LINE.slice(20)}hello`);
    channel.run(() => channel.close());
    channel.finish();
    expect(notes.entries).toEqual(['client 203.0.113.7', 'active', 'hello', 'inactive']);
  });

  it.each<[string, (setup: Setup) => void]>([
    ['the peer closes', ({ channel }) => channel.run(() => channel.embedded.sink.disconnected())],
    ['this side closes', ({ channel }) => channel.run(() => channel.close())],
    ['this side aborts', ({ channel }) => channel.run(() => channel.abort())],
    [
      'the decoder is in the middle of the header',
      ({ channel, feed }) => {
        feed('PROXY TCP4');
        channel.run(() => channel.close());
      },
    ],
  ])('passes no channelInactive without a channelActive: %s', (_name, close) => {
    const all = setup();
    close(all);
    all.channel.advance(10_000);
    expect(all.notes.entries).toEqual([]);
    expect(all.channel.isOpen).toBe(false);
  });

  it('passes a header and data that wait for reads when the peer closes', () => {
    const { channel, notes, feed } = setup();
    const hold = channel.run(() => channel.holdReads('test'));
    feed(`${LINE}hello`);
    channel.run(() => channel.embedded.sink.disconnected());
    channel.run(() => hold.release());
    channel.finish();
    expect(notes.entries).toEqual(['client 203.0.113.7', 'active', 'hello', 'inactive']);
  });

  it.each<[string, (ctx: Context) => void]>([
    ['closes', (ctx) => void ctx.close()],
    ['aborts', ({ channel }) => void channel.abort()],
    ['ends', ({ channel }) => void channel.end()],
  ])('goes on with nothing after a listener of the event %s the channel', (_name, act) => {
    const all = [
      { others: 'refuse', tls: {} },
      { others: 'refuse' },
      { others: 'as-data', tls: {} },
      { others: 'as-data' },
    ] as const;
    for (const { others, ...options } of all) {
      const notes = new Notes();
      const decoder = new ProxyProtocolDecoder({
        trusted: others === 'refuse' ? 'any' : [],
        others,
        ...(options as object),
      });
      const logged: string[] = [];
      const logger = { log: (_level: string, text: string) => void logged.push(text) };
      const channel = EmbeddedChannel.with(
        { logger },
        decoder,
        {
          userEventTriggered(ctx, event) {
            if (event instanceof ProxyProtocolEvent) act(ctx);
            ctx.fireUserEventTriggered(event);
          },
        },
        notes,
      );
      if (others === 'refuse') channel.writeInbound(Buffer.from(`${LINE}hello`));
      channel.advance(10_000);
      expect(notes.entries).toEqual([expect.stringContaining('client')]);
      expect(logged).toEqual([]);
      expect(channel.isOpen).toBe(false);
    }
  });

  it('passes channelActive on when it is removed before the header, and the bytes as they are', () => {
    const { channel, notes, feed } = setup();
    feed('PROXY TC');
    channel.run(() => channel.pipeline.remove(ProxyProtocolDecoder));
    expect(notes.entries).toEqual(['active', 'PROXY TC']);
  });

  it('never passes channelActive on in plain if it has a TLS context', () => {
    const { channel, notes } = setup({ tls: {} as never });
    const failed: string[] = [];
    const write = channel.run(() => channel.writeAndFlush(Buffer.from('220 hello')));
    write.onSettled((error) => void failed.push((error as { code?: string }).code!));
    channel.run(() => channel.pipeline.remove(ProxyProtocolDecoder));
    expect([notes.entries, failed, channel.readOutbound()]).toEqual([
      [],
      ['HR_ERR_CHANNEL_CLOSED'],
      undefined,
    ]);
  });

  it('fails what was written before a handshake that never begins', () => {
    const { channel } = setup({ tls: {} as never });
    const failed: string[] = [];
    const write = channel.run(() => channel.writeAndFlush(Buffer.from('220 hello')));
    write.onSettled((error) => void failed.push((error as { code?: string }).code!));
    expect(channel.pendingOutboundBytes).toBeGreaterThan(0);
    channel.run(() => channel.close());
    expect([failed, channel.readOutbound()]).toEqual([['HR_ERR_CHANNEL_CLOSED'], undefined]);
  });

  it('reads the header by itself without auto-read, and no message that nobody requested', () => {
    const notes = new Notes();
    const options = { autoRead: false };
    const channel = EmbeddedChannel.with(
      options,
      new ProxyProtocolDecoder({ trusted: 'any', headerTimeoutMs: 1000 }),
      notes,
    );
    expect(channel.embedded.reads).toBe(1);
    channel.writeInbound(Buffer.from(LINE.slice(0, 9)));
    expect(channel.embedded.reads).toBe(2);
    channel.writeInbound(Buffer.from(LINE.slice(9)));
    expect([notes.entries.at(-1), channel.embedded.reads]).toEqual(['active', 2]);
    channel.run(() => channel.read());
    expect(channel.embedded.reads).toBe(3);

    const silent = EmbeddedChannel.with(
      options,
      new ProxyProtocolDecoder({ trusted: 'any', headerTimeoutMs: 1000 }),
    );
    silent.run(() => silent.pipeline.addLast({ exceptionCaught() {} } as Handler as never));
    silent.clock.advance(1000);
    expect(silent.closeInfo?.reason ?? silent.isEnding).toBeTruthy();
  });

  it('requests the message that was requested before the header came', () => {
    const channel = EmbeddedChannel.with(
      { autoRead: false },
      new ProxyProtocolDecoder({ trusted: 'any' }),
    );
    channel.run(() => channel.read());
    const { reads } = channel.embedded;
    channel.writeInbound(Buffer.from(LINE));
    expect(channel.embedded.reads).toBe(reads + 1);
  });

  it('makes handlers that are added to an active channel after it wait, and not those before it', () => {
    const channel = new EmbeddedChannel();
    const seen: string[] = [];
    const asks = (name: string): Handler => ({
      handlerAdded: (ctx) => void seen.push(`${name} ${ctx.isActive}`),
      channelActive: (ctx) => {
        seen.push(`${name} active`);
        ctx.fireChannelActive();
      },
    });
    const { pipeline } = channel;
    const add = (...handlers: readonly Handler[]) =>
      channel.run(() => pipeline.addLast(...(handlers as readonly never[])));
    add(asks('before'), new ProxyProtocolDecoder({ trusted: 'any' }), asks('after'));
    add(asks('late'));
    channel.writeInbound(Buffer.from(LINE));
    add(asks('last'));
    expect(seen).toEqual([
      'before true',
      'after false',
      'late false',
      'after active',
      'late active',
      'last true',
    ]);
  });

  it('names what is wrong with its options', () => {
    const make = (options: unknown) => () =>
      new ProxyProtocolDecoder(options as ProxyProtocolDecoderOptions);
    expect(make({})).toThrow(/trusted/);
    expect(make({ trusted: ['10.0.0.0/33'] })).toThrow(/10\.0\.0\.0\/33/);
    expect(make({ trusted: ['localhost'] })).toThrow(/localhost/);
    expect(make({ trusted: 'any', refusal: 'never' })).toThrow(/never/);
    expect(make({ trusted: 'any', headerTimeoutMs: 0 })).toThrow(/headerTimeoutMs/);
  });
});
