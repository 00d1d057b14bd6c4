// What properties.test.ts proves of each decoder, and `npm run fuzz` for hours.
import { DecodeError, type Handler } from '@headrace/core';
import fc from 'fast-check';
import type { FrameErrorPolicy } from '../src/base/frame-error-policy.ts';
import { NotingChannel, textOf } from './decoder-harness.ts';
import { ALL_POLICIES, DEFAULT_LENGTH, type DecoderTarget } from './decoder-target.ts';

/** The sizes of reads, often one byte each. */
export const sizes: fc.Arbitrary<number[]> = fc.oneof(
  fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 80, size: 'max' }),
  fc.constant(new Array<number>(1024).fill(1)),
);

export function cutInto(bytes: Buffer, pieces: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of pieces) {
    if (at >= bytes.length) break;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  if (at < bytes.length) chunks.push(bytes.subarray(at));
  return chunks;
}

/** One damage: a byte changed, some left out, some doubled, or all from there on cut off. */
function damage(bytes: Buffer, [kind, at, value]: readonly [number, number, number]): Buffer {
  if (at >= bytes.length) return bytes;
  if (kind === 0) return bytes.fill(value, at, at + 1);
  if (kind === 1)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + (value % 4))]);
  if (kind === 2) return Buffer.concat([bytes.subarray(0, at + 1), bytes.subarray(at)]);
  return bytes.subarray(0, at);
}

/** Bytes of the target's alphabet, or samples of it joined and damaged. */
function streamFor(target: DecoderTarget): fc.Arbitrary<Buffer> {
  const { alphabet, samples = [], maxLength = DEFAULT_LENGTH, isFramed = false } = target;
  const byte = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...alphabet) }, fc.nat(255));
  const soup = fc.array(byte, { maxLength, size: 'max' }).map((bytes) => Buffer.from(bytes));
  if (samples.length === 0) return soup;
  const parts = fc.array(fc.constantFrom(...samples), {
    minLength: 1,
    maxLength: isFramed ? 1 : 4,
  });
  const damages = fc.array(fc.tuple(fc.nat(3), fc.nat(maxLength), fc.nat(255)), { maxLength: 3 });
  const joined = fc
    .tuple(parts, damages)
    .map(([whole, all]) => all.reduce(damage, Buffer.concat(whole)));
  return fc.oneof(soup, { weight: 2, arbitrary: joined });
}

/** Input for a target, in reads. */
export function readsOf(target: DecoderTarget): fc.Arbitrary<Buffer[]> {
  const stream = streamFor(target);
  if (target.isFramed === true) return stream.map((bytes) => [bytes]);
  return fc.tuple(stream, sizes).map(([bytes, pieces]) => cutInto(bytes, pieces));
}

/** Messages, user events and errors in order; what waits for a later turn after an emitted error gets its time. */
function outcomeOf(handler: Handler, chunks: readonly Buffer[]): string[] {
  const events: Handler = {
    userEventTriggered: (_ctx, event) => channel.note(textOf(event)),
  };
  const channel: NotingChannel = new NotingChannel(handler, events);
  for (const chunk of chunks) {
    if (!channel.isOpen) break;
    channel.feed(chunk);
    while (channel.clock.nextDelay === 1) channel.advance(1);
  }
  channel.finish();
  for (const error of channel.errors) {
    const isAboutInput = error instanceof DecodeError && error.code !== 'HR_ERR_DECODER_FAILED';
    if (!isAboutInput)
      throw new Error(`an error that is not about the input: ${error}`, { cause: error });
  }
  return channel.noted();
}

/** Throws if a decoder gives other messages, events or errors for these reads than for one read of the whole. */
export function expectSameInAnyCut(
  target: DecoderTarget,
  policy: FrameErrorPolicy,
  reads: readonly Buffer[],
): void {
  const { policies = ALL_POLICIES, cutFree = policies, make } = target;
  const separator = target.isStream === true ? '' : '\n';
  const whole = outcomeOf(make(policy), [Buffer.concat(reads)]).join(separator);
  const pieces = outcomeOf(make(policy), reads).join(separator);
  if (whole === pieces || !cutFree.includes(policy)) return;
  throw new Error(
    `the cut matters:\n  whole ${JSON.stringify(whole)}\n  cut   ${JSON.stringify(pieces)}`,
  );
}
