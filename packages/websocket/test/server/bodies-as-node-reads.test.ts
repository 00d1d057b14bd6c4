// `RequestIntake` finds the end of each body in front of Node's parser: what Node takes in one piece, both take in any pieces.
import { createServer, type RequestListener } from 'node:http';
import { EmbeddedChannel } from '@headrace/core/testing';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { duplexPair } from '../../../core/test/fixture/duplex-pair.ts';
import { SEED } from '../../../core/test/fixture/seed.ts';
import { HttpEndpoint } from '../../src/index.ts';

/** Says what it has read, so that a body that ends elsewhere is seen. */
const request: RequestListener = (incoming, response) => {
  let body = '';
  incoming.setEncoding('latin1').on('data', (text) => {
    body += text;
  });
  incoming.on('end', () => response.end(`<${incoming.url} ${body}>`));
};

const node = createServer({ requireHostHeader: false }, request);
const endpoint = new HttpEndpoint({ request });
afterAll(() => node.close());

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** What the listener has read of each request, and whether one was refused. */
const outcomeOf = (answers: string): string =>
  (answers.replaceAll(/HTTP\/1\.1 [45]\d\d/g, '<refused>').match(/<[^>]*>/g) ?? []).join(' ');

async function byNode(bytes: Buffer): Promise<string> {
  const [ours, theirs] = duplexPair();
  node.emit('connection', theirs);
  let answers = '';
  ours
    .on('error', () => {})
    .on('data', (answer: Buffer) => {
      answers += answer.toString('latin1');
    });
  ours.write(bytes);
  await turns(40);
  ours.destroy();
  return outcomeOf(answers);
}

async function byEndpoint(pieces: readonly Buffer[]): Promise<string> {
  const channel = new EmbeddedChannel(endpoint.handler(), { exceptionCaught: () => {} });
  for (const piece of pieces) {
    if (!channel.isOpen) break;
    channel.writeInbound(piece);
    await turns(1);
  }
  await turns(40);
  let answers = '';
  for (let one = channel.readOutbound<Buffer>(); one !== undefined; ) {
    answers += one.toString('latin1');
    one = channel.readOutbound<Buffer>();
  }
  channel.close();
  return outcomeOf(answers);
}

const CHUNKED = 'Transfer-Encoding: chunked\r\n\r\n';
/** A chunk of five bytes, which begin as the end of a body does. */
const chunk = (line: string, end = '\r\n'): string =>
  `${CHUNKED}${line}\r\n\r\n\r\nc${end}0\r\n\r\n`;
const last = (line: string): string => `${CHUNKED}5\r\n\r\n\r\nc\r\n${line}\r\n\r\n`;
const length = (text: string): string => `Content-Length:${text}\r\n\r\n\r\n\r\nc`;
const coding = (text: string): string =>
  `Transfer-Encoding:${text}\r\n\r\n5\r\n\r\n\r\nc\r\n0\r\n\r\n`;

const ZEROS = '0'.repeat(40);
const LINES = [
  ...['5', '05', `${ZEROS}5`, `${'0'.repeat(15)}5`, `${'0'.repeat(16)}5`, '00000005', '000a'],
  ...['5;', '5;x', '5;x=y', '5;x="y;z"', '5;x="\\""', `5;${'x'.repeat(100)}`, '5;5=5', '5;x;y=z'],
  ...['5 ', '5 ;x', '5\t', ' 5', '+5', '-5', '0x5', 'g', '', '5g', '5\r', '5;x\r', '5;x="\r"'],
  ...['ffffffffffffffff', `1${'0'.repeat(16)}5`, '5;x\n', '5\n', '5;x="\n"'],
];
const LASTS = [
  ...['0', '00', ZEROS, '0;x', '0;x=y', '000000000000000000;x="y"', '-0', '0 ', '0x0'],
  ...[
    '0\r\nA: b',
    '0\r\nA: b\r\nC: d',
    '0\r\nA:',
    `0\r\nA: ${'b'.repeat(200)}`,
    '0\r\n5',
    '0\r\nA',
  ],
  ...['0\r\nA: b\r\n c', '0\r\n ', '0\n', '0\r\nA: b\n', '0\r\n\t: b', '0\r\n0: 0', '0\r\nA: b\r'],
];
const LENGTHS = [
  ...[' 5', '5', ' 05', ` ${ZEROS}5`, ' 5 ', '\t5', ' +5', ' -5', ' 0x5', ' 5e0', ' 5.0', ' 5,5'],
  ...[' 5, 5', '', ' ', ' 5 5', ' five', ' 5\r\nContent-Length: 5', ' 5\r\nContent-Length: 6'],
  ...[' 18446744073709551621', ' 5;', ' "5"'],
];
const CODINGS = [' chunked', ' Chunked', 'CHUNKED', ' chunked ', '\tchunked', '', ' xchunked'];

const BODIES: readonly (readonly [name: string, body: string])[] = [
  ...LINES.map((line) => [`chunk ${JSON.stringify(line)}`, chunk(line)] as const),
  ['chunk without CR after it', chunk('5', '\n')],
  ['chunk without a line break after it', chunk('5', '')],
  ['longer than its chunk', chunk('5', 'd\r\n')],
  ...LASTS.map((line) => [`last ${JSON.stringify(line)}`, last(line)] as const),
  ...LENGTHS.map((text) => [`length ${JSON.stringify(text)}`, length(text)] as const),
  ...CODINGS.map((text) => [`coding ${JSON.stringify(text)}`, coding(text)] as const),
  ['no bytes', 'Content-Length: 0\r\n\r\n'],
  ['no bytes, with zeros', 'Content-Length: 000\r\n\r\n'],
  ['chunks and a length', `Content-Length: 5\r\n${chunk('5')}`],
  ['a length and an ended line', `A: b\n${length(' 5')}`],
];

const post = (body: string): Buffer =>
  Buffer.from(
    `POST /a HTTP/1.1\r\nHost: x\r\n${body}GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    'latin1',
  );

const HEAD = 'POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n';
const HEADS = [
  HEAD,
  `\r\n\r\n${HEAD}`,
  `\n\r\n${HEAD}`,
  HEAD.replace('\r\n', '\n'),
  HEAD.replaceAll('\r\n', '\n'),
  HEAD.replace('\r\n', '\r\r\n'),
  HEAD.replace('x\r\n', 'x\r\n A: b\r\n'),
  HEAD.replace('x\r\n', 'x\r\n \r\n'),
  HEAD.replace('x\r\n', 'x\r\n\r\r\n'),
  HEAD.replace('x\r\n', 'x\r\nA:\r\n'),
  HEAD.replace('x\r\n', 'x\r\nA: \r\n \r\n'),
  HEAD.replace('Host', ' Host'),
];

describe('a body that Node reads', () => {
  it.each(BODIES)('ends at the same byte in any pieces: %s', async (_name, body) => {
    const bytes = post(body);
    const expected = await byNode(bytes);
    expect(await byEndpoint([bytes])).toBe(expected);
    const bits = Array.from(bytes, (byte) => Buffer.of(byte));
    expect(await byEndpoint(bits)).toBe(expected);
    for (let at = bytes.indexOf('\r\n\r\n') + 3; at < bytes.length - 45; at += 3) {
      expect(await byEndpoint([bytes.subarray(0, at), bytes.subarray(at)])).toBe(expected);
    }
  });

  it.each(HEADS)('begins at the same byte in any pieces: %j', async (head) => {
    const bytes = Buffer.from(
      `${head}\r\n\r\ncGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    const expected = await byNode(bytes);
    for (let at = 0; at < head.length + 10; at += 3) {
      expect(await byEndpoint([bytes.subarray(0, at), bytes.subarray(at)])).toBe(expected);
    }
  });

  it('ends at the same byte, by chance', async () => {
    const digits = fc.stringMatching(/^0{0,50}[0-9a-fA-F]$/);
    const extension = fc.constantFrom('', '', ';x', ';x=y', ';0=1', ';x="5"');
    const chunks = fc.array(fc.tuple(digits, extension), { maxLength: 4 });
    const trailers = fc.array(fc.constantFrom('A: b', '5: 5', 'B:', `C: ${ZEROS}`), {
      maxLength: 3,
    });
    const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(chunks, trailers, sizes, async (parts, fields, cuts) => {
        const content = parts.filter(([size]) => Number.parseInt(size, 16) > 0);
        const body = content.map(
          ([size, more]) =>
            `${size}${more}\r\n${'\r\n'.repeat(8).slice(0, Number.parseInt(size, 16))}\r\n`,
        );
        const bytes = post(
          `${CHUNKED}${body.join('')}0\r\n${fields.map((f) => `${f}\r\n`).join('')}\r\n`,
        );
        const pieces: Buffer[] = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const end = at + cuts[i % cuts.length]!;
          pieces.push(bytes.subarray(at, end));
          at = end;
        }
        expect(await byEndpoint(pieces)).toBe(await byNode(bytes));
      }),
      { seed: SEED, numRuns: 50 },
    );
  });
});
