import type { Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';

/** As long as the reads of a busy connection. */
const READ_BYTES = 16 * 1024;

/** The heap and the buffers of this process without garbage, in bytes. */
export function usedMemory(): number {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('run with --expose-gc');
  gc();
  gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** A read as a transport makes it: memory of its own, that nobody writes over. */
function readOf(source: Buffer, at: number): Buffer {
  const read = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, source.length - at));
  source.copy(read, 0, at);
  return read;
}

/** Gives the head, then the part again and again, until it is refused or `reads` are given; returns how many were. */
function feed(channel: EmbeddedChannel, head: Buffer, part: Buffer, reads: number): number {
  const body = Buffer.concat(
    Array.from({ length: Math.ceil(READ_BYTES / part.length) + 1 }, () => part),
  );
  // Each read begins where in the part the last one ended.
  let at = 0;
  let next: Buffer = Buffer.concat([head, body]);
  for (let count = 0; count < reads; count++) {
    const read = readOf(next, at);
    at = (at + READ_BYTES - (count === 0 ? head.length : 0)) % part.length;
    next = body;
    try {
      channel.writeInbound(read);
    } catch {
      return count;
    }
  }
  return reads;
}

interface Course {
  /** Stops after this many reads if nothing was refused. @default 4096 */
  readonly maxReads?: number;
  /** Looks after the refusal, not one read before it. @default false */
  readonly pastTheLimit?: boolean;
}

/**
 * How much memory a decoder holds at most while a peer sends `head` and then `part` for ever: what it holds
 * one read before it refuses to go on. Whole messages that it gives are not counted.
 */
export function mostHeld(
  make: () => Handler,
  head: string,
  part: string,
  { maxReads = 4096, pastTheLimit = false }: Course = {},
): number {
  const bytes = [Buffer.from(head, 'latin1'), Buffer.from(part, 'latin1')] as const;
  const reads = feed(new EmbeddedChannel(make()), ...bytes, maxReads);
  const channel = new EmbeddedChannel(make());
  const before = usedMemory();
  feed(channel, ...bytes, pastTheLimit ? reads + 1 : reads);
  const held = usedMemory() - before;
  // Still needed here, so not collected before.
  if (!pastTheLimit && !channel.isActive) throw new Error('refused earlier than the first time');
  return held;
}

/** How much memory a message takes that the application keeps: the mean of several, measured thrice. Throws what the handler reports. */
export function heldByMessage(make: () => Handler, bytes: Uint8Array, count = 8): number {
  const decoded = (): unknown => {
    const channel = new EmbeddedChannel(make());
    // Memory of its own for each read, as from a transport.
    channel.writeInbound(Buffer.concat([bytes]));
    return channel.readInbound();
  };
  // What a first message leaves for good, such as shapes of objects, is no part of those that follow.
  decoded();
  // What V8 compiles or throws away meanwhile is in one measurement, not in the middle one of three.
  return Array.from({ length: 3 }, () => {
    const before = usedMemory();
    const messages = Array.from({ length: count }, decoded);
    const held = (usedMemory() - before) / count;
    if (messages.includes(undefined)) throw new Error('no message came');
    return held;
  }).sort((one, other) => one - other)[1]!;
}
