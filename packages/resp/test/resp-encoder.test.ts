import { ChannelGroup } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import {
  encodeResp,
  RespAttributed,
  RespBigNumber,
  RespCodec,
  RespDouble,
  RespEncoder,
  RespError,
  type RespInput,
  RespMap,
  RespNull,
  RespPush,
  RespSet,
  RespSimple,
  RespVerbatim,
} from '@headrace/resp';
import { describe, expect, it } from 'vitest';

const text = (value: RespInput, protocol: 2 | 3 = 2): string => String(encodeResp(value, protocol));

describe('encodeResp', () => {
  const inBoth: [RespInput, string, string][] = [
    ['ab', '$2\r\nab\r\n', '$2\r\nab\r\n'],
    ['', '$0\r\n\r\n', '$0\r\n\r\n'],
    ['é', '$2\r\né\r\n', '$2\r\né\r\n'],
    [Buffer.from('ab'), '$2\r\nab\r\n', '$2\r\nab\r\n'],
    [RespSimple.OK, '+OK\r\n', '+OK\r\n'],
    [new RespError('ERR no'), '-ERR no\r\n', '-ERR no\r\n'],
    [new RespError('ERR a\r\nb'), '-ERR a b\r\n', '!8\r\nERR a\r\nb\r\n'],
    [new RespError(Buffer.from('ERR é')), '-ERR é\r\n', '-ERR é\r\n'],
    [0, ':0\r\n', ':0\r\n'],
    [-10, ':-10\r\n', ':-10\r\n'],
    [9_007_199_254_740_991, ':9007199254740991\r\n', ':9007199254740991\r\n'],
    [2n ** 63n - 1n, ':9223372036854775807\r\n', ':9223372036854775807\r\n'],
    [2n ** 63n, '$19\r\n9223372036854775808\r\n', '(9223372036854775808\r\n'],
    [new RespBigNumber(5n), '$1\r\n5\r\n', '(5\r\n'],
    [1.5, '$3\r\n1.5\r\n', ',1.5\r\n'],
    [new RespDouble(1), '$1\r\n1\r\n', ',1\r\n'],
    [Number.NEGATIVE_INFINITY, '$4\r\n-inf\r\n', ',-inf\r\n'],
    [true, ':1\r\n', '#t\r\n'],
    [false, ':0\r\n', '#f\r\n'],
    [null, '$-1\r\n', '_\r\n'],
    [RespNull.STRING, '$-1\r\n', '_\r\n'],
    [RespNull.ARRAY, '*-1\r\n', '_\r\n'],
    [new RespVerbatim('txt', Buffer.from('a')), '$1\r\na\r\n', '=5\r\ntxt:a\r\n'],
    [
      ['a', null, [1]],
      '*3\r\n$1\r\na\r\n$-1\r\n*1\r\n:1\r\n',
      '*3\r\n$1\r\na\r\n_\r\n*1\r\n:1\r\n',
    ],
    [new RespMap<RespInput>(['a', 1]), '*2\r\n$1\r\na\r\n:1\r\n', '%1\r\n$1\r\na\r\n:1\r\n'],
    [new RespSet<RespInput>([1]), '*1\r\n:1\r\n', '~1\r\n:1\r\n'],
    [new RespPush<RespInput>([1]), '*1\r\n:1\r\n', '>1\r\n:1\r\n'],
    [new RespAttributed<RespInput>(new RespMap([1, 2]), 3), ':3\r\n', '|1\r\n:1\r\n:2\r\n:3\r\n'],
  ];

  it.each(inBoth.map(([value, two, three]) => ({ two, three, value })))(
    'writes $two and $three',
    ({ two, three, value }) => {
      expect(text(value)).toBe(two);
      expect(text(value, 3)).toBe(three);
    },
  );

  it('writes texts of every length', () => {
    for (const length of [1, 9, 10, 41, 42, 43, 99, 100, 999, 5000]) {
      for (const char of ['a', 'é', '€']) {
        const value = char.repeat(length);
        expect(text(value)).toBe(`$${Buffer.byteLength(value)}\r\n${value}\r\n`);
      }
    }
  });

  it('writes the bytes of an error that are not UTF-8', () => {
    const bytes = Buffer.from('ERR \xff\r\n\xc3', 'latin1');
    const error = new RespError(bytes);
    expect(error.text).toBe('ERR \\xff\\x0d\\x0a\\xc3');
    expect(error.code).toBe('ERR');
    expect(encodeResp(error, 2).toString('latin1')).toBe('-ERR \xff  \xc3\r\n');
    expect(encodeResp(error, 3).toString('latin1')).toBe('!8\r\nERR \xff\r\n\xc3\r\n');
    expect(new RespError(Buffer.alloc(5000, 0xff)).text).toHaveLength(4096);
  });

  it('writes a map from a Map or from keys and values in turn, and refuses a key without a value', () => {
    const list = new RespMap<RespInput>(['a', ['b', 1], 'c', 2]);
    const map = new RespMap<RespInput>(
      new Map<RespInput, RespInput>([
        ['a', ['b', 1]],
        ['c', 2],
      ]),
    );
    expect([map.items, map.size, map.get('c')]).toEqual([list.items, 2, 2]);
    expect(() => new RespMap([['a', 1]])).toThrow(
      'a RespMap takes a list of key, value, key, value, not 1 items',
    );
  });

  it('refuses what has no form', () => {
    const cases: unknown[] = [
      new RespSimple('a\r\n+OK'),
      undefined,
      {},
      Symbol('x'),
      [() => 1],
      new RespVerbatim('text', Buffer.from('')),
      'a\ud83d',
      new RespSimple('\ude00'),
      new RespError('ERR \ud83d'),
      new RespError('ERR \ud83d\r\n'),
      [new RespPush(['a'])],
    ];
    for (const value of cases) {
      expect(() => encodeResp(value as RespInput, 3)).toThrow(
        expect.objectContaining({ code: 'HR_ERR_MESSAGE_NOT_ENCODABLE' }),
      );
    }
    let deep: RespInput = 1;
    for (let depth = 0; depth < 200; depth++) deep = [deep];
    expect(() => encodeResp(deep)).toThrow(/levels deep/);
    expect(() => encodeResp(1, 4 as 2)).toThrow(/protocol is 4/);
  });
});

describe('RespEncoder', () => {
  it('writes large strings without a copy of its own', () => {
    const channel = new EmbeddedChannel(new RespEncoder());
    const large = Buffer.alloc(10_000, 'a');
    channel.writeOutbound(large);
    expect(String(channel.readOutbound())).toBe(`$10000\r\n${large}\r\n`);
  });

  it('encodes a broadcast once for each version', () => {
    const codecs = [2, 2, 3].map((protocol) => new RespCodec({ protocol: protocol as 2 | 3 }));
    const channels = codecs.map((codec) => new EmbeddedChannel(codec));
    const group = new ChannelGroup();
    for (const channel of channels) group.add(channel);
    group.writeAndFlush(new RespPush(['message', 'news', 'hello']));
    const [first, second, third] = channels.map((channel) => channel.readOutbound<Buffer>()!);
    expect(first).toBe(second);
    expect(String(first)).toBe('*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n');
    expect(String(third)[0]).toBe('>');
  });
});
