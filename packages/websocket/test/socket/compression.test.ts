import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  acceptDeflate,
  deflateOfAnswer,
  deflateTerms,
  offerOf,
} from '../../src/socket/compression.ts';
import { parseExtensions, parseSubprotocols } from '../../src/socket/extensions.ts';
import type { MessageDeflate } from '../../src/socket/message-deflate.ts';

const FRESH = deflateTerms({ thresholdBytes: 7 }, 1000)!;
const KEPT = deflateTerms({ thresholdBytes: 7, keepContext: true }, 1000)!;
const NAME = 'permessage-deflate';

describe('the answer of a server to an offer', () => {
  it.each([
    // The default of Netty's client, and of browsers.
    [`${NAME}; client_max_window_bits`, NAME],
    [NAME, NAME],
    [
      `${NAME}; server_no_context_takeover; client_no_context_takeover; client_max_window_bits`,
      `${NAME}; server_no_context_takeover; client_no_context_takeover`,
    ],
    [`${NAME}; client_max_window_bits=10`, NAME],
    [`${NAME}; server_max_window_bits=15`, `${NAME}; server_max_window_bits=15`],
    [`${NAME}; server_max_window_bits="14"`, `${NAME}; server_max_window_bits=12`],
    [`${NAME}; server_max_window_bits=11`, `${NAME}; server_max_window_bits=9`],
    [`${NAME}; server_max_window_bits=9`, `${NAME}; server_max_window_bits=9`],
    // zlib has no such window.
    [`${NAME}; server_max_window_bits=8, ${NAME}`, NAME],
    [`x-other; a=b, ${NAME}; unknown, ${NAME}`, NAME],
  ])('%s: %s', (offer, answer) => {
    expect(acceptDeflate(offer, FRESH)?.text).toBe(answer);
  });

  it.each([
    'x-other',
    `${NAME}; server_max_window_bits=8`,
    `${NAME}; server_max_window_bits=99`,
    `${NAME}; server_max_window_bits=09`,
    `${NAME}; server_max_window_bits`,
    `${NAME}; server_no_context_takeover=1`,
    `${NAME}; client_max_window_bits=7`,
    `${NAME}; client_no_context_takeover; client_no_context_takeover`,
    `${NAME}; toString`,
  ])('declines %s', (offer) => {
    expect(acceptDeflate(offer, FRESH)).toBeUndefined();
  });

  it('has at most three sizes of windows, so that a broadcast is compressed at most three times', () => {
    const sizes = new Set<number | undefined>();
    for (let bits = 8; bits <= 15; bits++) {
      const offer = `${NAME}; server_max_window_bits=${bits}, ${NAME}`;
      sizes.add(acceptDeflate(offer, FRESH)?.deflate.windowBits);
    }
    expect([...sizes].sort()).toEqual([12, 15, 9]);
  });

  it('lets members share what is compressed unless the window is kept', () => {
    const shared = (offer: string, terms: typeof FRESH) =>
      acceptDeflate(offer, terms)!.deflate.maxSharedBytes;
    expect(shared(NAME, FRESH)).toBe(32_768);
    expect(shared(NAME, KEPT)).toBe(6);
    expect(shared(`${NAME}; server_no_context_takeover`, KEPT)).toBe(32_768);
  });
});

describe('the answer that a client takes', () => {
  it('offers what it can do', () => {
    expect(offerOf(FRESH)).toBe(
      `${NAME}; server_no_context_takeover; client_no_context_takeover; client_max_window_bits`,
    );
    expect(offerOf(KEPT)).toBe(`${NAME}; client_max_window_bits`);
  });

  it('may limit the window, or one that zlib has not: then nothing is compressed', () => {
    expect(deflateOfAnswer(`${NAME}; client_max_window_bits=10`, FRESH)).toMatchObject({
      windowBits: 10,
      thresholdBytes: 7,
      maxSharedBytes: 6,
    });
    const answer = `${NAME}; client_max_window_bits=8`;
    expect(deflateOfAnswer(answer, FRESH).thresholdBytes).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    ['x-other', FRESH],
    [NAME, undefined],
    [`${NAME}, ${NAME}`, FRESH],
    [`${NAME}; client_max_window_bits`, FRESH],
    [`${NAME}; server_max_window_bits=16`, FRESH],
    [`${NAME}; unknown`, FRESH],
    [`${NAME};`, FRESH],
  ])('is not %s', (answer, terms) => {
    expect(() => deflateOfAnswer(answer, terms)).toThrow(/not requested|Invalid/);
  });
});

const run = (call: MessageDeflate['compress'], bytes: Uint8Array) =>
  new Promise<Buffer | undefined>((resolve, reject) => {
    call(bytes, (error, result) => (error === null ? resolve(result) : reject(error)));
  });

describe('a compressed message', () => {
  const { own } = acceptDeflate(NAME, FRESH)!.deflate;
  const inflate = (bytes: Uint8Array) => run(own.inflate.bind(own), bytes);
  const hello = Buffer.from('f248cdc9c90700', 'hex');

  it.each([
    ['one block', 'f248cdc9c90700'],
    ['a block without compression', '000500faff48656c6c6f00'],
    ['a last block and a zero byte', 'f348cdc9c9070000'],
    ['a last block alone', 'f348cdc9c90700'],
    ['two blocks', 'f24805000000ffffcac9c90700'],
  ])('is read in the forms of RFC 7692: %s', async (_name, hex) => {
    expect(String(await inflate(Buffer.from(hex, 'hex')))).toBe('Hello');
  });

  it('can be empty, with or without its one byte', async () => {
    expect(await inflate(Buffer.alloc(1))).toHaveLength(0);
    expect(await inflate(Buffer.alloc(0))).toHaveLength(0);
  });

  it('is refused with bytes after its last block', async () => {
    for (const more of ['01', '0000', '000000ffff00', hello.toString('hex'), '006a756e6b']) {
      const bytes = Buffer.from(`f348cdc9c90700${more}`, 'hex');
      await expect(inflate(bytes), more).rejects.toThrow(/follow the compressed data/);
    }
  });

  it('is refused if it is cut off anywhere', async () => {
    const text = Buffer.from('some words, and some more words, and other words '.repeat(9));
    for (const whole of [(await run(own.compress.bind(own), text))!, hello]) {
      for (let end = 1; end < whole.length; end++) {
        await expect(inflate(whole.subarray(0, end)), `${end}`).rejects.toThrow();
      }
    }
  });
});

describe('windows that are kept', () => {
  it.each([
    `${NAME}; client_max_window_bits`,
    `${NAME}; server_max_window_bits=9`,
    `${NAME}; server_no_context_takeover`,
    `${NAME}; client_no_context_takeover`,
  ])('are the same at both ends, whatever their size: %s', async (offer) => {
    const { text, deflate: server } = acceptDeflate(offer, { ...KEPT, maxMessageBytes: 99_999 })!;
    const client = deflateOfAnswer(text, { ...KEPT, maxMessageBytes: 99_999 });
    let saved = 0;
    for (let i = 1; i <= 40; i++) {
      const message = Buffer.from(`${i} ${'some words that come again '.repeat(i * 60)}`);
      for (const [from, to] of [
        [server, client],
        [client, server],
      ]) {
        const bytes = await run(from!.own.compress.bind(from!.own), message);
        saved += message.length - bytes!.length;
        const read = await run(to!.own.inflate.bind(to!.own), bytes!);
        expect(read!.equals(message)).toBe(true);
      }
    }
    expect(saved).toBeGreaterThan(1_000_000);
  });

  it('leave out a message that compression does not make shorter, which is sent as it is', async () => {
    const limits = { ...KEPT, maxMessageBytes: 99_999 };
    const { text, deflate: server } = acceptDeflate(NAME, limits)!;
    const client = deflateOfAnswer(text, limits);
    const words = Buffer.from('some words, and some more words, and other words'.repeat(9));
    const sent = [words, randomBytes(3000), words, Buffer.from('x'), words];
    const read: (Buffer | undefined)[] = [];
    for (const message of sent) {
      const bytes = await run(server.own.compress.bind(server.own), message);
      read.push(bytes && (await run(client.own.inflate.bind(client.own), bytes)));
    }
    expect(read).toEqual([words, undefined, words, undefined, words]);
  });
});

describe('the syntax of headers', () => {
  it('of extensions is that of RFC 6455', () => {
    expect(parseExtensions('a; b; c = "d" ,e')).toEqual([
      {
        name: 'a',
        parameters: [
          ['b', undefined],
          ['c', 'd'],
        ],
      },
      { name: 'e', parameters: [] },
    ]);
    for (const wrong of [
      '',
      'a,',
      'a;',
      'a;=b',
      'a b',
      'a; b=',
      'a; b="',
      'a; b="c d"',
      'a;b=c=d',
    ]) {
      expect(() => parseExtensions(wrong), wrong).toThrow('Sec-WebSocket-Extensions');
    }
  });

  it('of a quoted value without an end is refused at once, however long it is', () => {
    // A pattern that could divide the value in several ways would try them all.
    const endless = `a; b="${'c'.repeat(5000)}`;
    expect(() => parseExtensions(endless)).toThrow('Sec-WebSocket-Extensions');
    expect(parseExtensions(`${endless}"`)[0]!.parameters).toEqual([['b', 'c'.repeat(5000)]]);
    expect(parseExtensions('a; b="\\cd\\e"')[0]!.parameters).toEqual([['b', 'cde']]);
  });

  it('of subprotocols is a list of different tokens', () => {
    expect([...parseSubprotocols('a , b')]).toEqual(['a', 'b']);
    for (const wrong of ['', 'a,,b', 'a b', 'a,a', 'é']) {
      expect(() => parseSubprotocols(wrong), wrong).toThrow('Sec-WebSocket-Protocol');
    }
  });
});
