import { DEFAULT_LENGTH, type DecoderTarget } from '../../packages/codec/test/decoder-target.ts';
import type { Random } from './random.ts';

/** A stream for a target: bytes of its alphabet, or samples of it joined and damaged. */
export function streamFor(target: DecoderTarget, random: Random): Buffer {
  const { alphabet, samples = [], maxLength = DEFAULT_LENGTH } = target;
  if (samples.length > 0 && !random.oneIn(3)) return damaged(joined(target, random), random);
  const bytes = Buffer.allocUnsafe(random.below(maxLength + 1));
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = random.oneIn(12) ? random.below(256) : random.of(alphabet);
  }
  return bytes;
}

function joined({ samples = [], isFramed }: DecoderTarget, random: Random): Buffer {
  const count = isFramed === true ? 1 : 1 + random.below(4);
  const parts: Uint8Array[] = [];
  for (let i = 0; i < count; i++) parts.push(random.of(samples));
  return Buffer.concat(parts);
}

/** Flips, drops, doubles or cuts off some bytes; now and then none. */
function damaged(bytes: Buffer, random: Random): Buffer {
  let result = bytes;
  for (let times = random.below(4); times > 0 && result.length > 0; times--) {
    const at = random.below(result.length);
    const kind = random.below(4);
    if (kind === 0) {
      result = Buffer.from(result);
      result[at] = random.below(256);
    } else if (kind === 1) {
      result = Buffer.concat([result.subarray(0, at), result.subarray(at + 1 + random.below(4))]);
    } else if (kind === 2) {
      result = Buffer.concat([result.subarray(0, at + 1), result.subarray(at)]);
    } else result = result.subarray(0, at);
  }
  return result;
}

/** The same stream as reads of random sizes, at times of one byte each. */
export function cut(bytes: Buffer, random: Random): Buffer[] {
  const chunks: Buffer[] = [];
  const longest = 1 + random.below(9);
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + random.below(longest);
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}
