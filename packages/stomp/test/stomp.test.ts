import { EmbeddedChannel, verifyDecoder } from '@headrace/core/testing';
import { StompDecoder, StompEncoder, StompFrame } from '@headrace/stomp';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotingChannel, outcome } from '../../codec/test/decoder-harness.ts';

function decoded(text: string): StompFrame | undefined {
  const channel = new EmbeddedChannel(new StompDecoder());
  channel.writeInbound(Buffer.from(text));
  return channel.readInbound<StompFrame>();
}

function encoded(frame: StompFrame): string {
  const channel = new EmbeddedChannel(new StompEncoder());
  channel.writeOutbound(frame);
  return String(channel.readOutbound());
}

describe('StompDecoder', () => {
  it('reads a frame in every cut, with LF or CRLF, and heartbeats between frames', () => {
    const send = new StompFrame('SEND', [['destination', '/queue/a']], 'hello');
    verifyDecoder(
      [
        { bytes: 'SEND\ndestination:/queue/a\n\nhello\0', messages: [send] },
        { bytes: '\n\r\nSEND\r\ndestination:/queue/a\r\n\r\nhello\0', messages: [send] },
        { bytes: 'BEGIN\n\n\0', messages: [new StompFrame('BEGIN')] },
        {
          bytes: 'SEND\ncontent-length:3\n\na\0b\0',
          messages: [new StompFrame('SEND', { 'content-length': '3' }, 'a\0b')],
        },
      ],
      () => new StompDecoder(),
    );
  });

  it('undoes the escapes of headers, but not in CONNECT', () => {
    expect(decoded('SEND\na\\cb:c\\nd\\r\\\\:x\n\n\0')?.headers).toEqual([['a:b', 'c\nd\r\\:x']]);
    expect(decoded('CONNECT\na:c\\nd\n\n\0')?.headers).toEqual([['a', 'c\\nd']]);
  });

  it('takes a further colon as part of the value, and as many headers as allowed', () => {
    expect(decoded('SEND\na:b:c\n\n\0')?.headers).toEqual([['a', 'b:c']]);
    expect(decoded('CONNECT\nhost:a:61613\r\n\n\0')?.headers).toEqual([['host', 'a:61613']]);
    expect(decoded(`SEND\n${'a:\n'.repeat(100)}\n\0`)?.headers).toHaveLength(100);
  });

  it('keeps the spaces of headers', () => {
    expect(decoded('SEND\n a : b \n\n\0')?.headers).toEqual([[' a ', ' b ']]);
  });

  it('reads zero bytes, line ends and empty lines in a body of a given length', () => {
    const body = '\0\r\n\r\n\0SEND\n\n';
    expect(String(decoded(`SEND\ncontent-length:12\n\n${body}\0`)?.body)).toBe(body);
    expect(String(decoded('SEND\n\n{\r\n\r\n}\0')?.body)).toBe('{\r\n\r\n}');
  });

  it('gives the first of several headers of one name', () => {
    expect(decoded('SEND\na:1\na:2\n\n\0')?.header('a')).toBe('1');
  });

  it.each([
    ['an unknown command', 'GET / HTTP/1.1\r\n\r\n', 'FRAME_CORRUPT'],
    ['a command in small letters', 'send\n\n\0', 'FRAME_CORRUPT'],
    ['a header without a name', 'SEND\n:x\n\n\0', 'FRAME_CORRUPT'],
    ['an escape that is cut off', 'SEND\na:\\\n\n\0', 'FRAME_CORRUPT'],
    ['a length with a space', 'SEND\ncontent-length: 1\n\na\0', 'FRAME_CORRUPT'],
    ['a line that is no header', 'SEND\nabc\n\n\0', 'FRAME_CORRUPT'],
    ['a CR within a header', 'SEND\na:b\rc\n\n\0', 'FRAME_CORRUPT'],
    ['a CR within a header of CONNECT', 'CONNECT\na:b\rc\n\n\0', 'FRAME_CORRUPT'],
    ['two CRs at the end of a header', 'SEND\na:b\r\r\n\n\0', 'FRAME_CORRUPT'],
    ['too many headers', `SEND\n${'a:\n'.repeat(101)}\n\0`, 'FRAME_TOO_LONG'],
    ['an escape that means nothing', 'SEND\na:\\t\n\n\0', 'FRAME_CORRUPT'],
    ['a length that is no number', 'SEND\ncontent-length:-1\n\n\0', 'FRAME_CORRUPT'],
    ['a body longer than its length', 'SEND\ncontent-length:1\n\nab\0', 'FRAME_CORRUPT'],
    ['headers that are not UTF-8', 'SEND\na:\xff\n\n\0', 'FRAME_CORRUPT'],
    ['a length over the limit', 'SEND\ncontent-length:9999999999\n\n', 'FRAME_TOO_LONG'],
    ['a body over the limit', `SEND\n\n${'a'.repeat(65_537)}`, 'FRAME_TOO_LONG'],
    ['headers over the limit', `SEND\na:${'b'.repeat(8192)}`, 'FRAME_TOO_LONG'],
  ])('refuses %s', (_name, text, code) => {
    expect(outcome(new StompDecoder(), Buffer.from(text, 'latin1'))).toEqual([`!HR_ERR_${code}`]);
  });

  it('a frame that does not end in time ends the channel', () => {
    const channel = new NotingChannel(new StompDecoder({ frameTimeoutMs: 100 }));
    channel.feed('SEND\n').advance(100);
    expect(channel.noted()).toEqual(['!HR_ERR_TIMEOUT_READ']);
  });
});

describe('StompEncoder', () => {
  it('escapes headers, and adds a length only where the body needs it', () => {
    expect(encoded(new StompFrame('SEND', { 'a:b': 'c\nd\r\\' }, 'x'))).toBe(
      'SEND\na\\cb:c\\nd\\r\\\\\n\nx\0',
    );
    expect(encoded(new StompFrame('SEND', [], 'a\0b'))).toBe('SEND\ncontent-length:3\n\na\0b\0');
  });

  it('fails the write of a header without a value, and names it', () => {
    const frame = new StompFrame('SEND', { destination: undefined } as never);
    expect(() => encoded(frame)).toThrow('the header destination has no value');
  });

  it('fails the write of what cannot be said', () => {
    expect(() => encoded(new StompFrame('NOTHING' as 'SEND'))).toThrow(/not a command/);
    expect(() => encoded(new StompFrame('CONNECT', { a: 'b\nc' }))).toThrow(/cannot carry/);
    expect(() => encoded(new StompFrame('SEND', { '': 'b' }))).toThrow(/no name/);
  });

  it.each([
    ['2', 'ab\0SEND\ndestination:/admin\n\nforged'],
    ['9', 'abc'],
    ['0', 'abc'],
    ['x', 'abc'],
    ['3.0', 'abc'],
    [' 3', 'abc'],
    ['00000000003', 'abc'],
  ])('fails the write of content-length %j with another body', (length, body) => {
    const frame = new StompFrame('SEND', { 'content-length': length }, body);
    expect(() => encoded(frame)).toThrow(/its content-length is/);
  });

  it('fails the write of a second content-length that differs', () => {
    const twice = [
      ['content-length', '3'],
      ['content-length', '1'],
    ] as const;
    expect(() => encoded(new StompFrame('SEND', twice, 'a\0b'))).toThrow(/content-length is "1"/);
  });

  it('writes the content-length of the body that it was given', () => {
    const frame = new StompFrame('SEND', { 'content-length': '003' }, 'a\0b');
    expect(encoded(frame)).toBe('SEND\ncontent-length:003\n\na\0b\0');
  });

  it('refuses half of a surrogate pair in headers and bodies', () => {
    expect(() => encoded(new StompFrame('SEND', { a: '\ud83d' }))).toThrow(/surrogate/);
    expect(() => new StompFrame('SEND', {}, '\ud83d')).toThrow(/surrogate/);
  });

  it('gives back any headers and bodies', () => {
    const headers = fc.array(
      fc
        .tuple(fc.string({ minLength: 1 }), fc.string())
        .filter(([name]) => !name.startsWith('content')),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(headers, fc.uint8Array({ maxLength: 50 }), (pairs, body) => {
        const channel = new EmbeddedChannel(new StompDecoder(), new StompEncoder());
        channel.writeOutbound(new StompFrame('SEND', pairs, body));
        channel.writeInbound(channel.readOutbound());
        const frame = channel.readInbound<StompFrame>();
        expect(frame?.headers.slice(0, pairs.length)).toEqual(pairs);
        expect(Buffer.compare(frame!.body, body)).toBe(0);
      }),
    );
  });
});
