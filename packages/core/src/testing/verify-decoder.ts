import { inspect, isDeepStrictEqual } from 'node:util';
import type { Handler } from '../contract.ts';
import { textOf } from '../errors.ts';
import { number } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { EmbeddedChannel } from './embedded-channel.ts';
import { eventText } from './record-events.ts';
import { SeededRandom } from './seeded-random.ts';

/** Input bytes, and the messages that a decoder must make of them. */
export interface DecoderPair {
  /** The input bytes. A text stands for its UTF-8 bytes. */
  readonly bytes: string | Uint8Array;
  /** The expected messages, which are compared by value. A Buffer equals any Uint8Array with the same bytes. */
  readonly messages: readonly unknown[];
}

/** Options of {@link verifyDecoder}. */
export interface VerifyDecoderOptions {
  /** Seed of the cuts and orders. Errors name it, so that a run can be repeated. @default a new seed for each call */
  readonly seed?: number;
  /** Number of rounds, each of which shuffles and cuts all pairs again. @default 20 */
  readonly rounds?: number;
}

const OPTIONS = describeOptions('verifyDecoder', {
  seed: number(),
  rounds: number({ default: 20 }),
});
const DRIPS = 10;
const SHOWN_READS = 20;
const [BEFORE, AFTER] = [Buffer.from('BEFORE'), Buffer.from('AFTER')];

type Chunks = readonly Buffer[];

/**
 * Checks that a decoder returns the right messages however its input is cut. The decoder reads each pair whole, ten times
 * byte by byte, and ten times in one read. Then the decoder reads all pairs, shuffled, in one read, byte by byte and cut at
 * random. Chunks are views into larger buffers. Later reads must not change messages, and no bytes may be left over. Throws an
 * error that names the cut and the seed.
 *
 * @param pairs - input and messages, each pair of whole messages
 * @param factory - creates a decoder; called for every run
 *
 * @example
 * ```ts
 * verifyDecoder([{ bytes: 'hello\n', messages: [Buffer.from('hello')] }], () => new LineFrameDecoder());
 * ```
 * @see SwiftNIO's `ByteToMessageDecoderVerifier`
 */
export function verifyDecoder(
  pairs: readonly DecoderPair[],
  factory: () => Handler,
  options: VerifyDecoderOptions = {},
): void {
  const { seed = Math.floor(Math.random() * 0x7fff_ffff), rounds } = OPTIONS.resolve(options);
  const random = new SeededRandom(seed, 'cuts');
  const run = (what: string, chosen: readonly DecoderPair[], cut: (bytes: Buffer) => Chunks) => {
    const bytes = Buffer.concat(chosen.map(({ bytes }) => Buffer.from(bytes as Uint8Array)));
    const expected = chosen.flatMap(({ messages }) => messages);
    verifyOnce(`${what} (seed ${seed})`, cut(bytes), expected, factory);
  };
  for (const [index, pair] of pairs.entries()) {
    const repeated = new Array<DecoderPair>(DRIPS).fill(pair);
    run(`pair ${index} in one read`, [pair], whole);
    run(`pair ${index} byte by byte`, repeated, single);
    run(`pair ${index} ten times in one read`, repeated, whole);
  }
  for (let round = 0; round < rounds; round++) {
    const shuffled = shuffle(pairs, random);
    run(`round ${round}, all in one read`, shuffled, whole);
    run(`round ${round}, all byte by byte`, shuffled, single);
    run(`round ${round}, cut at random`, shuffled, (bytes) => cutAtRandom(bytes, random));
  }
}

function verifyOnce(
  what: string,
  chunks: Chunks,
  expected: readonly unknown[],
  factory: () => Handler,
): void {
  const decoder = factory();
  const channel = new EmbeddedChannel(decoder);
  const describe = (): string =>
    `${decoder.constructor.name}, ${what}, reads of ${sizesOf(chunks)}`;
  try {
    for (const chunk of chunks) channel.writeInbound(chunk);
  } catch (thrown) {
    throw new Error(`${describe()}: ${textOf(thrown)}`, { cause: thrown });
  }
  // A removed decoder passes on the bytes that it holds. After whole messages there must be none.
  const messages = drain(channel);
  channel.pipeline.removeIfExists(decoder);
  const rest = drain(channel);
  channel.finish();
  if (messages.length !== expected.length) {
    throw new Error(`${describe()}: ${messages.length} messages, but ${expected.length} were due`);
  }
  const wrong = expected.findIndex((message, at) => !isSame(messages[at], message));
  if (wrong !== -1) {
    const [got, due] = shownApart(messages[wrong], expected[wrong]);
    throw new Error(`${describe()}: message ${wrong} is ${got}, but ${due} was due`);
  }
  if (rest.length > 0)
    throw new Error(`${describe()}: left over ${rest.map(eventText).join(', ')}`);
}

/** Returns two messages as texts. If the texts are equal, returns the messages in full detail. */
function shownApart(got: unknown, due: unknown): [string, string] {
  const texts: [string, string] = [eventText(got), eventText(due)];
  return texts[0] === texts[1] ? [inspect(got), inspect(due)] : texts;
}

function sizesOf(chunks: Chunks): string {
  const shown = chunks.slice(0, SHOWN_READS).map(({ length }) => length);
  return shown.join(', ') + (chunks.length > SHOWN_READS ? ` … (${chunks.length} reads)` : '');
}

function drain(channel: EmbeddedChannel): unknown[] {
  const messages: unknown[] = [];
  for (let one = channel.readInbound(); one !== undefined; one = channel.readInbound()) {
    messages.push(one);
  }
  return messages;
}

function isSame(one: unknown, other: unknown): boolean {
  if (one instanceof Uint8Array && other instanceof Uint8Array) {
    return Buffer.compare(one, other) === 0;
  }
  return isDeepStrictEqual(one, other);
}

/** Returns a view into a larger buffer, because a decoder must not read beyond the ends of its input. */
function padded(bytes: Uint8Array): Buffer {
  const memory = Buffer.concat([BEFORE, bytes, AFTER]);
  return memory.subarray(BEFORE.length, BEFORE.length + bytes.length);
}

const whole = (bytes: Buffer): Chunks => [padded(bytes)];
const single = (bytes: Buffer): Chunks => Array.from(bytes, (byte) => padded(Buffer.of(byte)));

function cutAtRandom(bytes: Buffer, random: SeededRandom): Chunks {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + Math.floor(random.next() ** 2 * 64);
    chunks.push(padded(bytes.subarray(at, at + size)));
    at += size;
  }
  return chunks;
}

function shuffle<T>(items: readonly T[], random: SeededRandom): T[] {
  const result = [...items];
  for (let at = result.length - 1; at > 0; at--) {
    const other = random.integer(0, at);
    [result[at], result[other]] = [result[other]!, result[at]!];
  }
  return result;
}
