import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import {
  type Cut,
  PROTOCOLS,
  type Protocol,
  QuestionDecoder,
  ReplyDecoder,
} from '../src/proxy-protocols.ts';

const { memcached, redis, rpc } = PROTOCOLS;
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** What a decoder passes on of all these bytes, cut after each `size` bytes. */
function decoded<T>(decoder: QuestionDecoder | ReplyDecoder, text: string, size: number): T[] {
  const channel = new EmbeddedChannel(decoder);
  for (let at = 0; at < text.length; at += size)
    channel.writeInbound(bytes(text.slice(at, at + size)));
  const messages: T[] = [];
  for (;;) {
    const message = channel.readInbound<T>();
    if (message === undefined) break;
    messages.push(message);
  }
  channel.checkException();
  return messages;
}

const LONG = 'x'.repeat(5000);

it.each<[string, Protocol, string[]]>([
  [
    'RESP',
    redis,
    [
      '+OK\r\n',
      '-ERR no\r\n',
      ':12\r\n',
      '$-1\r\n',
      '$0\r\n\r\n',
      '$4\r\n\r\n+a\r\n',
      `$5000\r\n${LONG}\r\n`,
      '*0\r\n',
      '*-1\r\n',
      '*3\r\n:1\r\n*2\r\n$1\r\na\r\n$-1\r\n+b\r\n',
    ],
  ],
  [
    "memcached's texts",
    memcached,
    [
      'END\r\n',
      'STORED\r\n',
      '42\r\n',
      'VERSION 1.6\r\n',
      'VALUE a 0 3\r\nEND\r\nEND\r\n',
      `VALUE a 0 5\r\nEND\r\n\r\nVALUE b 1 5000 7\r\n${LONG}\r\nEND\r\n`,
      'STAT pid 1\r\nSTAT uptime 2\r\nEND\r\n',
      'SERVER_ERROR out of memory\r\n',
    ],
  ],
  ['a length in front', rpc, ['\0\0\0\0', '\0\0\0\x03abc', `\0\0\x13\x88${LONG}`]],
])('tells answers in %s apart, however they are cut', (_name, protocol, answers) => {
  const all = answers.join('');
  for (const size of [1, 2, 3, 7, 1000, all.length]) {
    const got = decoded<Buffer>(new ReplyDecoder(protocol), all, size);
    expect(got.map((one) => one.toString('latin1'))).toEqual(answers);
  }
});

const sent = (text: string) => ({ bytes: bytes(text), wantsAnswer: true });
const own = (text: string, isLast?: boolean) => ({
  bytes: Buffer.alloc(0),
  wantsAnswer: true,
  own: bytes(text),
  ...(isLast !== undefined && { isLast }),
});
const command = (...words: string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
const refusedByRedis = (name: string) =>
  own(`-ERR ${name} is not for a connection that is shared\r\n`);

it.each<[string, Protocol, [string, Cut | undefined][]]>([
  [
    'RESP',
    redis,
    [
      [command('PING'), sent(command('PING'))],
      [command('set', 'a', '\r\n*1'), sent(command('set', 'a', '\r\n*1'))],
      ['PING\r\n', sent('PING\r\n')],
      ['*0\r\n', undefined],
      ['*-1\r\n', undefined],
      ['\r\n', undefined],
      [command('subscribe', 'a'), refusedByRedis('SUBSCRIBE')],
      ['client reply off\r\n', refusedByRedis('CLIENT')],
      [command('XREAD', 'block', '0', 'STREAMS', 'a', '$'), refusedByRedis('XREAD')],
      [
        command('XREAD', 'STREAMS', 'BLOCKS', '0'),
        sent(command('XREAD', 'STREAMS', 'BLOCKS', '0')),
      ],
      ['xreadgroup GROUP a b block 0 STREAMS c 0\r\n', refusedByRedis('XREADGROUP')],
      [command('SCRIPT', 'debug', 'yes'), refusedByRedis('SCRIPT')],
      [command('SCRIPT', 'LOAD', 'debug'), sent(command('SCRIPT', 'LOAD', 'debug'))],
      [command('POST', '/'), refusedByRedis('POST')],
      ['Host: here\r\n', refusedByRedis('HOST:')],
      [command(''), sent(command(''))],
      [command('QUIT'), own('+OK\r\n', true)],
    ],
  ],
  [
    "memcached's texts",
    memcached,
    [
      ['get a b\r\n', sent('get a b\r\n')],
      ['set a 0 0 6\r\nquit\r\n\r\n', sent('set a 0 0 6\r\nquit\r\n\r\n')],
      ['cas a 0 0 1 7\r\nx\r\n', sent('cas a 0 0 1 7\r\nx\r\n')],
      [
        'set a 0 0 1  noreply \r\nx\r\n',
        { bytes: bytes('set a 0 0 1\r\nx\r\n'), wantsAnswer: false },
      ],
      ['delete a noreply\r\n', { bytes: bytes('delete a\r\n'), wantsAnswer: false }],
      ['get noreply\r\n', sent('get noreply\r\n')],
      ['watch\r\n', own('CLIENT_ERROR watch is not for a connection that is shared\r\n')],
      [`get${' key'.repeat(10_000)}\r\n`, sent(`get${' key'.repeat(10_000)}\r\n`)],
      ['flush_all 0 noreply\r\n', { bytes: bytes('flush_all 0\r\n'), wantsAnswer: false }],
      // The server would take the last word for `noreply`, and answer some of these, but not others.
      ...[
        'delete noreply\r\n',
        'touch k noreply\r\n',
        'incr k 1 2 noreply\r\n',
        'delete k noreply noreply\r\n',
        'verbosity\r\n',
      ].map((text): [string, Cut] => [text, own('CLIENT_ERROR bad command line format\r\n')]),
      ['__proto__ a\r\n', own('CLIENT_ERROR __proto__ is not for a connection that is shared\r\n')],
      ['quit\r\n', { bytes: Buffer.alloc(0), wantsAnswer: false, isLast: true }],
    ],
  ],
  ['a length in front', rpc, [['\0\0\0\x02ab', sent('\0\0\0\x02ab')]]],
])(
  'tells questions in %s apart, and refuses those that others would feel',
  (_name, protocol, rows) => {
    const all = rows.map(([text]) => text).join('');
    const cuts = rows.flatMap(([, cut]) => cut ?? []);
    for (const size of [1, 2, 3, 7, all.length])
      expect(decoded(new QuestionDecoder(protocol), all, size)).toEqual(cuts);
  },
);

const longKey = 'k'.repeat(251);

it.each<[Protocol, string, RegExp]>([
  [memcached, 'set a 0 0 -1\r\n', /format/],
  [memcached, 'set a 0 0\r\n', /format/],
  [memcached, 'set a 0 0 9 x\r\nflush_all\r\n', /format/],
  [memcached, 'set a zero 0 9\r\nflush_all\r\n', /format/],
  [memcached, 'set a 4294967296 0 9\r\nflush_all\r\n', /format/],
  [memcached, 'set a 0 2147483648 9\r\nflush_all\r\n', /format/],
  [memcached, 'set a 0 0 9\xa0\r\nflush_all\r\n', /format/],
  [memcached, 'cas a 0 0 9\r\nflush_all\r\n', /format/],
  [memcached, 'cas a 0 0 9 x\r\nflush_all\r\n', /format/],
  [memcached, `set ${longKey} 0 0 9\r\nflush_all\r\n`, /format/],
  [memcached, 'set a 0 0 8388609\r\n', /too large/],
  [memcached, 'set a 0 0 1\r\nabc\r\nget b\r\n', /bad data chunk/],
  [memcached, `delete ${'k'.repeat(1100)}\r\n`, /too long/],
  [memcached, 'x'.repeat(60_001), /too long/],
  [memcached, 'delete a noreply\0\r\n', /control character/],
  [memcached, `get ${'key '.repeat(500)}\t\r\n`, /control character/],
  [redis, '*1\r\n:1\r\n', /no text/],
  [redis, '*1\r\n$-1\r\n', /no length/],
  [redis, '*1\r\n$03\r\nabc\r\n', /no length/],
  [redis, '*x\r\n', /no length/],
  [redis, '*1048577\r\n', /1048577 words/],
  [redis, `*${'1'.repeat(40)}`, /no number/],
  [redis, '*3\n$3\nSET\n$1\na\n$1\nb\n', /CR LF/],
  [redis, '*12\n$4\r\nPING\r\n', /CR LF/],
  [redis, '*1\r\n$4x\nPING\r\n', /CR LF/],
  [redis, '"\\x43LIENT" REPLY OFF\r\n', /no command/],
  [redis, 'GET / HTTP/1.1\r\nHost: here\r\n', /no command/],
  [redis, 'PING '.repeat(13_000), /too long/],
])('ends a script whose next question could not be told from this, %#', (protocol, text, why) => {
  const cuts = decoded<Cut>(new QuestionDecoder(protocol), text, text.length);
  expect(cuts).toEqual([{ ...own(''), own: expect.any(Buffer), isLast: true }]);
  const refusal = cuts[0]!.own!.toString('latin1');
  expect(refusal).toMatch(/^(?:CLIENT_ERROR|-ERR) [^\r\n]+\r\n$/);
  expect(refusal).toMatch(why);
});

it.each([
  ['questions', rpc, '\x7f\xff\xff\xff'],
  ['answers', redis, 'HTTP/1.1 400\r\n'],
  ['answers', redis, '*1e3\r\n'],
  ['answers', memcached, 'VALUE a 0 x\r\n'],
  ['answers', rpc, '\x7f\xff\xff\xff'],
] as const)('fails for %s that are none, %#', (kind, protocol, text) => {
  const decoder = kind === 'answers' ? new ReplyDecoder(protocol) : new QuestionDecoder(protocol);
  expect(() => decoded(decoder, text, text.length)).toThrow();
});

it('keeps no message of more than 8 MiB', () => {
  const channel = new EmbeddedChannel(new ReplyDecoder(redis));
  channel.writeInbound(bytes('$9000000\r\n'));
  expect(() => {
    for (let at = 0; at < 130; at++) channel.writeInbound(Buffer.alloc(65_536));
    channel.checkException();
  }).toThrow(/8388608/);
});
