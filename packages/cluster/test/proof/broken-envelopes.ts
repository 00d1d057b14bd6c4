import { Buffer } from 'node:buffer';
import type { Dice } from './dice.ts';

/** Offsets of an envelope, as its format says: read from there, not from the code that is tested. */
const VERSION = 2;
const KIND = 3;
export const BODY_TYPE = 4;
const FLAGS = 5;
export const NODE = 6;
export const NUMBER = 22;
const BODY = 28;
const MAX_BYTES = 1024 * 1024 - 1024;
const NODES = 8;
/** What JSON says, and nobody means. */
const WRONG_JSON = ['null', '1', '[]', '{}', '"x"', '{"version":-1}', '{"to":"users"}', '[[[[]]]]'];

/** Where envelopes go, and the kinds that have a meaning there. */
export interface Target {
  readonly subject: string;
  readonly kinds: readonly number[];
}

type Break = (bytes: Buffer, random: Dice, target: Target) => Buffer;

/** Each makes an envelope that means nothing, of any. */
const BREAKS: readonly Break[] = [
  (bytes, random) => set(bytes, random.below(2), () => otherThan(0x48, 0x52, random)),
  (bytes, random) => set(bytes, VERSION, () => (random.oneIn(2) ? 0 : 2 + random.below(254))),
  (bytes, random) => set(bytes, KIND, () => (random.oneIn(9) ? 0 : 9 + random.below(247))),
  (bytes, random, { kinds }) => set(bytes, KIND, () => otherKind(kinds, random)),
  (bytes, random) => set(bytes, BODY_TYPE, () => 3 + random.below(253)),
  (bytes) => Buffer.from(bytes.fill(0, NUMBER, BODY)),
  (bytes, random) => bytes.subarray(0, random.below(BODY)),
  // No UTF-8, and no JSON.
  (bytes, random) =>
    withBody(bytes, 1 + random.below(2), Buffer.concat([Buffer.of(0xff), bytes.subarray(BODY)])),
];

/** An envelope for a target that nothing may come of, by chance. */
export function brokenEnvelope(target: Target, random: Dice): Buffer {
  let bytes = wholeEnvelope(target, random);
  if (random.oneIn(3)) {
    // The rest is noise.
    for (let at = random.below(BODY); at < bytes.byteLength; at += 1) bytes[at] = random.below(256);
  }
  for (let changes = random.below(4); changes > 0; changes -= 1) {
    bytes[random.below(bytes.byteLength)] = random.below(256);
  }
  bytes = random.of(BREAKS)(bytes, random, target);
  return random.oneIn(20_000) ? Buffer.concat([bytes, Buffer.alloc(MAX_BYTES)]) : bytes;
}

/** One as a node would send it, but for what it says. */
export function wholeEnvelope({ kinds }: Target, random: Dice): Buffer {
  const body = Buffer.from(random.oneIn(2) ? random.of(WRONG_JSON) : 'text');
  const bytes = Buffer.alloc(BODY + body.byteLength);
  bytes.write('HR', 'latin1');
  bytes[VERSION] = 1;
  bytes[KIND] = random.of(kinds);
  bytes[BODY_TYPE] = random.below(3);
  bytes[FLAGS] = random.below(4);
  bytes.fill(1 + random.below(NODES), NODE, NUMBER);
  bytes.writeUIntBE(1 + random.below(1e6), NUMBER, BODY - NUMBER);
  body.copy(bytes, BODY);
  return bytes;
}

function otherKind(kinds: readonly number[], random: Dice): number {
  for (;;) {
    const kind = 1 + random.below(8);
    if (!kinds.includes(kind)) return kind;
  }
}

/** A byte that is neither of these. */
function otherThan(one: number, two: number, random: Dice): number {
  const byte = random.below(256);
  return byte === one || byte === two ? 0 : byte;
}

function set(bytes: Buffer, at: number, value: () => number): Buffer {
  bytes[at] = value();
  return bytes;
}

function withBody(bytes: Buffer, type: number, body: Buffer): Buffer {
  bytes[BODY_TYPE] = type;
  return Buffer.concat([bytes.subarray(0, BODY), body]);
}
