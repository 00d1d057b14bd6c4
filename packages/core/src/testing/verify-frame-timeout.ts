import type { Handler } from '../contract.ts';
import { EmbeddedChannel } from './embedded-channel.ts';

/** Longer than each limit of a frame. */
const SILENCE_MS = 24 * 3_600_000;
/** Number of cuts at each end of a long frame. */
const CUTS = 100;

/**
 * Checks that a decoder limits the time of a frame. The decoder reads the beginning of each frame, up to each of its bytes, both
 * in one read and byte by byte. Then the peer is silent, and the decoder must end the channel. After a whole frame, the decoder
 * must not end the channel. Throws an error that names the beginning.
 *
 * @param frames - bytes of one frame each. A text stands for its UTF-8 bytes
 * @param factory - creates a decoder; called for every run
 *
 * @example
 * ```ts
 * verifyFrameTimeout(['hello\n'], () => new LineFrameDecoder());
 * ```
 */
export function verifyFrameTimeout(
  frames: readonly (string | Uint8Array)[],
  factory: () => Handler,
): void {
  for (const frame of frames) {
    const bytes = Buffer.from(frame as Uint8Array);
    for (let cut = 1; cut <= bytes.length; cut++) {
      if (cut > CUTS && cut < bytes.length - CUTS) continue;
      const begun = bytes.subarray(0, cut);
      verifyBeginning([begun], cut < bytes.length, factory);
      verifyBeginning(
        Array.from(begun, (byte) => Buffer.of(byte)),
        cut < bytes.length,
        factory,
      );
    }
  }
}

function verifyBeginning(reads: readonly Buffer[], isBegun: boolean, factory: () => Handler): void {
  const decoder = factory();
  const channel = new EmbeddedChannel(decoder, { exceptionCaught: () => {} });
  for (const read of reads) channel.writeInbound(read);
  channel.advance(SILENCE_MS);
  const hasEnded = !channel.isOpen || channel.isEnding;
  channel.close();
  if (hasEnded === isBegun) return;
  const bytes = Buffer.concat(reads);
  const shown = `${bytes.length} bytes (${bytes.toString('hex').slice(0, 64)})`;
  const what = isBegun
    ? `${shown} begin a frame, which has no time limit`
    : `the channel ended although the frame of ${shown} was whole`;
  throw new Error(`${decoder.constructor.name}, ${reads.length} reads: ${what}`);
}
