import type { HeadraceError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import {
  encodeResp,
  RespAttributed,
  RespBigNumber,
  RespDecoder,
  RespDouble,
  RespError,
  RespMap,
  RespNull,
  RespPush,
  RespSet,
  RespSimple,
  type RespValue,
  RespVerbatim,
} from '@headrace/resp';
import { describe, expect, it } from 'vitest';
import type { RespDecoderOptions } from '../src/resp-decoder.ts';

function read(bytes: string, options: RespDecoderOptions = {}): RespValue[] {
  const channel = new EmbeddedChannel(new RespDecoder(options));
  channel.writeInbound(Buffer.from(bytes));
  const values: RespValue[] = [];
  for (let value = channel.readInbound<RespValue>(); value !== undefined; ) {
    values.push(value);
    value = channel.readInbound<RespValue>();
  }
  channel.finish();
  return values;
}

function failure(bytes: string | Buffer, options: RespDecoderOptions = {}): HeadraceError {
  const channel = new EmbeddedChannel(new RespDecoder(options));
  try {
    channel.writeInbound(Buffer.from(bytes as string));
  } catch (error) {
    expect(channel.isOutputShutdown).toBe(true);
    return error as HeadraceError;
  }
  throw new Error(`${JSON.stringify(bytes)} was taken`);
}

const buffer = (text: string): Buffer => Buffer.from(text);

describe('RespDecoder', () => {
  it.each<[string, RespValue]>([
    ['+OK\r\n', RespSimple.OK],
    ['+\r\n', new RespSimple('')],
    ['-ERR no\r\n', new RespError('ERR no')],
    [':42\r\n', 42],
    [':-42\r\n', -42],
    [':+42\r\n', 42],
    [':9007199254740993\r\n', 9_007_199_254_740_993n],
    [':-9223372036854775808\r\n', -(2n ** 63n)],
    ['$0\r\n\r\n', buffer('')],
    ['$4\r\na\r\nb\r\n', buffer('a\r\nb')],
    ['$-1\r\n', RespNull.STRING],
    ['*-1\r\n', RespNull.ARRAY],
    ['*0\r\n', []],
    ['*2\r\n$1\r\na\r\n*1\r\n:1\r\n', [buffer('a'), [1]]],
  ])('reads %j of version 2', (bytes, value) => {
    expect(read(bytes)).toEqual([value]);
  });

  it.each<[string, RespValue]>([
    ['_\r\n', RespNull.STRING],
    ['#t\r\n', true],
    ['#f\r\n', false],
    [',1.5\r\n', new RespDouble(1.5)],
    [',10\r\n', new RespDouble(10)],
    [',-inf\r\n', new RespDouble(Number.NEGATIVE_INFINITY)],
    [',nan\r\n', new RespDouble(Number.NaN)],
    [',-nan\r\n', new RespDouble(Number.NaN)],
    [',NAN\r\n', new RespDouble(Number.NaN)],
    [',nan(0x8000)\r\n', new RespDouble(Number.NaN)],
    [',1E+2\r\n', new RespDouble(100)],
    [',1e-3\r\n', new RespDouble(0.001)],
    [
      '(-3492890328409238509324850943850943825024385\r\n',
      new RespBigNumber(-3492890328409238509324850943850943825024385n),
    ],
    ['!7\r\nSYN a\nb\r\n', new RespError('SYN a\nb')],
    ['=7\r\ntxt:abc\r\n', new RespVerbatim('txt', buffer('abc'))],
    ['%1\r\n+a\r\n:1\r\n', new RespMap([new RespSimple('a'), 1])],
    ['%0\r\n', new RespMap([])],
    ['~2\r\n:1\r\n:2\r\n', new RespSet([1, 2])],
    ['>2\r\n+message\r\n$1\r\nx\r\n', new RespPush([new RespSimple('message'), buffer('x')])],
    ['|1\r\n+ttl\r\n:9\r\n:1\r\n', new RespAttributed(new RespMap([new RespSimple('ttl'), 9]), 1)],
    ['|0\r\n:1\r\n', new RespAttributed(new RespMap([]), 1)],
    [
      '*1\r\n|1\r\n:1\r\n:2\r\n*1\r\n:3\r\n',
      [new RespAttributed<RespValue>(new RespMap([1, 2]), [3])],
    ],
    ['$?\r\n;4\r\nHell\r\n;1\r\no\r\n;0\r\n', buffer('Hello')],
    ['$?\r\n;0\r\n', buffer('')],
    ['*?\r\n:1\r\n*?\r\n.\r\n.\r\n', [1, []]],
    ['%?\r\n+a\r\n:1\r\n.\r\n', new RespMap([new RespSimple('a'), 1])],
    ['~?\r\n:1\r\n.\r\n', new RespSet([1])],
    ['*1\r\n$?\r\n;1\r\na\r\n;0\r\n', [buffer('a')]],
  ])('reads %j of version 3', (bytes, value) => {
    expect(read(bytes)).toEqual([value]);
    const channel = new EmbeddedChannel(new RespDecoder());
    for (const byte of buffer(bytes)) channel.writeInbound(Buffer.of(byte));
    expect(channel.readInbound()).toEqual(value);
  });

  it('reads commands as people type them, if so wanted', () => {
    const options = { inlineCommands: true };
    expect(read('set k "a b\\x41\\n"\r\n  \n\nping\n*1\r\n$4\r\nPING\r\n', options)).toEqual([
      [buffer('set'), buffer('k'), buffer('a bA\n')],
      [buffer('ping')],
      [buffer('PING')],
    ]);
    expect(read("echo 'it\\'s' 'a\\nb' \"\"\n", options)).toEqual([
      [buffer('echo'), buffer("it's"), buffer('a\\nb'), buffer('')],
    ]);
    expect(failure('echo "a\n', options).details['redis']).toBe('unbalanced quotes in request');
    expect(failure('echo "a"b\n', options).details['redis']).toBe('unbalanced quotes in request');
    expect(failure('ping\r\n').code).toBe('HR_ERR_FRAME_CORRUPT');
  });

  it.each([
    '$x\r\n',
    '$-2\r\n',
    '$\r\n',
    '$1\n',
    '$1\r \n',
    '*-2\r\n',
    '*1.5\r\n',
    '$1\r\nabc',
    '%-1\r\n',
    ':\r\n',
    ':1x\r\n',
    ':9223372036854775808\r\n',
    '#x\r\n',
    ',x\r\n',
    ',.5\r\n',
    ',5.\r\n',
    ',1e\r\n',
    ',nan(\r\n',
    '(1.5\r\n',
    '_x\r\n',
    '+a\n',
    '+a\rb\r\n',
    '=2\r\nab\r\n',
    ';1\r\na\r\n',
    '.\r\n',
    '*1\r\n.\r\n',
    '%?\r\n:1\r\n.\r\n',
    '*1\r\n>0\r\n',
    '>?\r\n',
    '|?\r\n',
    '$?\r\n$1\r\na\r\n',
    '$1234567890123456\r\n',
    'x',
  ])('refuses %j', (bytes) => {
    expect(failure(bytes).code).toBe('HR_ERR_FRAME_CORRUPT');
  });

  it.each<[keyof RespDecoderOptions, number, string]>([
    ['maxBulkBytes', 4, '$5\r\n'],
    ['maxBulkBytes', 4, '$?\r\n;4\r\naaaa\r\n;1\r\na\r\n'],
    ['maxElements', 2, '*3\r\n'],
    ['maxElements', 3, '%2\r\n'],
    ['maxElements', 2, '*?\r\n:1\r\n:1\r\n:1\r\n'],
    ['maxDepth', 3, '*1\r\n*1\r\n*1\r\n*1\r\n'],
    ['maxDepth', 3, '|0\r\n|0\r\n|0\r\n|0\r\n'],
    ['maxLineBytes', 16, `+${'a'.repeat(17)}`],
    ['maxMessageBytes', 20, '*3\r\n$4\r\naaaa\r\n$4\r\naaaa\r\n'],
  ])('keeps to %s %d', (name, value, bytes) => {
    expect(failure(bytes, { [name]: value }).code).toBe('HR_ERR_FRAME_TOO_LONG');
  });

  it.each([
    ['a string at the top', '$40\r\n'.padEnd(45, 'a'), '\r\n'],
    ['the end of a string', '$40\r\n'.padEnd(46, 'a'), '\r\n'],
    ['a line', `+${'a'.repeat(60)}`, '\r\n'],
  ])('refuses the same message in any cut: %s', (_name, first, rest) => {
    const options = { maxMessageBytes: 100 };
    const { code } = failure(first + rest, options);
    expect(code).toBe('HR_ERR_FRAME_TOO_LONG');
    const channel = new EmbeddedChannel(new RespDecoder(options));
    expect(() => {
      for (const byte of buffer(first + rest)) channel.writeInbound(Buffer.of(byte));
    }).toThrow(/maxMessageBytes/);
  });

  it.each([
    ['a number', ':1\r\n', 4 + 64],
    ['an empty string', '$0\r\n\r\n', 6 + 64],
    ['a string', '$1\r\na\r\n', 7 + 192],
    ['a string in chunks', '$?\r\n;1\r\na\r\n;0\r\n', 17 + 256 + 64 + 64],
    ['an array', '*1\r\n:1\r\n', 8 + 128 + 64],
    ['no array', '*-1\r\n', 5 + 128],
    ['an inline command', 'a b\r\n', 5 + 128 + 2 * 192],
  ])('counts the bytes and the objects of %s', (_name, bytes, count) => {
    const options = { inlineCommands: true, maxMessageBytes: count };
    expect(read(bytes, options)).toHaveLength(1);
    expect(failure(bytes, { ...options, maxMessageBytes: count - 1 }).message).toContain(
      `${count} bytes, 64 to 192 for each value included`,
    );
  });

  it('does not count empty lines that a user types towards the next command', () => {
    const options = { inlineCommands: true, maxMessageBytes: 400 };
    expect(read(`${'\r\n'.repeat(300)}PING\r\n`, options)).toEqual([[buffer('PING')]]);
  });

  it('takes what is just at the limits', () => {
    const limits = { maxBulkBytes: 4, maxElements: 2, maxDepth: 2, maxLineBytes: 16 };
    expect(read('*2\r\n*0\r\n$4\r\naaaa\r\n', limits)).toEqual([[[], buffer('aaaa')]]);
  });

  it('refuses a simple string that is not UTF-8', () => {
    for (const text of ['+\xff\r\n', '*1\r\n+a\xc3\r\n']) {
      expect(failure(Buffer.from(text, 'latin1')).code).toBe('HR_ERR_FRAME_CORRUPT');
    }
  });

  it('keeps the bytes of an error that Redis has cut within a character', () => {
    for (const text of ["-ERR unknown command 'gr\xc3'\r\n", '!6\r\nERR \xc3\n\r\n']) {
      const channel = new EmbeddedChannel(new RespDecoder());
      channel.writeInbound(Buffer.from(text, 'latin1'));
      const error = channel.readInbound<RespError>()!;
      expect(error.text).toContain('\\xc3');
      expect(encodeResp(error, 3).toString('latin1')).toBe(text);
    }
  });

  it('has no recursion that depth could blow up', () => {
    const deep = '*1\r\n'.repeat(100_000);
    const options = { maxDepth: 200_000, maxMessageBytes: Number.POSITIVE_INFINITY };
    const [value] = read(`${deep}:1\r\n`, options);
    expect(Array.isArray(value)).toBe(true);
  });

  it('keeps no read alive for a few bytes of a message that spans many', () => {
    const channel = new EmbeddedChannel(new RespDecoder());
    const memory = Buffer.alloc(100);
    memory.write('*2\r\n$1\r\na\r\n$1\r\nb\r\n');
    channel.writeInbound(memory.subarray(0, 11));
    channel.writeInbound(memory.subarray(11, 18));
    const [, second] = channel.readInbound<Buffer[]>()!;
    expect(String(second)).toBe('b');
    memory.fill(0);
    expect(String(second)).toBe('b');
  });

  it('copies a longer string that would keep much more memory alive, and no other', () => {
    const slab = Buffer.alloc(68 * 1024, 'a');
    slab.write('*2\r\n$3000\r\n');
    slab.write('\r\n$60000\r\n', 3011);
    slab.write('\r\n', 63_021);
    const channel = new EmbeddedChannel(new RespDecoder());
    channel.writeInbound(slab.subarray(0, 4));
    channel.writeInbound(slab.subarray(4, 63_023));
    const [small, large] = channel.readInbound<Buffer[]>()!;
    expect([small!.length, large!.length]).toEqual([3000, 60_000]);
    expect(small!.buffer.byteLength).toBeLessThan(20_000);
    expect(large!.buffer).toBe(slab.buffer);
  });

  it('names what a peer that speaks something else seems to speak', () => {
    expect(failure('GET / HTTP/1.1\r\n').message).toMatch(/HTTP/);
    expect(failure('\x16\x03\x01').message).toMatch(/TLS/);
  });

  it('ends a message whose next part does not come in time', () => {
    const channel = new EmbeddedChannel(new RespDecoder({ frameTimeoutMs: 1000 }));
    channel.writeInbound(buffer('*2\r\n$1'));
    channel.clock.advance(600);
    channel.writeInbound(buffer('\r\na\r\n$1'));
    channel.clock.advance(600);
    expect(channel.isOutputShutdown).toBe(false);
    channel.clock.advance(600);
    expect(channel.isOutputShutdown).toBe(true);
    expect(() => channel.checkException()).toThrow(/1000 ms/);
  });
});
