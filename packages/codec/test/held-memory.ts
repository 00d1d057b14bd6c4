import type { Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { median } from '../../core/test/fixture/figure.ts';

/** As long as the reads of a busy connection. */
const READ_BYTES = 16 * 1024;
const MEASUREMENTS = 3;

/** The heap and the buffers of this process without garbage, in bytes. */
function usedMemory(): number {
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
 * What `fill` makes a thing hold: the middle one of some measurements, each of a new thing, which is needed until it is
 * measured. The tests run with V8 in one thread, which keeps what it has compiled: they differ by some hundredths at most.
 */
function held<T>(prepare: () => T, fill: (thing: T) => void, check: (thing: T) => void): number {
  const measure = (): number => {
    // What is made last may be known somewhere until the next one is made: so it is made before the first look.
    const thing = prepare();
    const before = usedMemory();
    fill(thing);
    const bytes = usedMemory() - before;
    check(thing);
    return bytes;
  };
  // What a first one leaves for good, such as shapes of objects, is no part of those that follow.
  measure();
  return median(Array.from({ length: MEASUREMENTS }, measure));
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
  return held(
    () => new EmbeddedChannel(make()),
    (channel) => void feed(channel, ...bytes, pastTheLimit ? reads + 1 : reads),
    (channel) => {
      if (!pastTheLimit && !channel.isActive)
        throw new Error('refused earlier than the first time');
    },
  );
}

/** How much memory one of the things takes that the application keeps, of `count` that are kept together. */
export function heldByEach(make: () => unknown, count: number): number {
  const all = held(
    (): unknown[] => [],
    (things) => {
      for (let one = 0; one < count; one++) things.push(make());
    },
    (things) => {
      if (things.includes(undefined)) throw new Error('nothing came');
    },
  );
  return all / count;
}

/** How much memory a message takes that the application keeps. Throws what the handler reports. */
export function heldByMessage(make: () => Handler, bytes: Uint8Array, count = 8): number {
  const decoded = (): unknown => {
    const channel = new EmbeddedChannel(make());
    // Memory of its own for each read, as from a transport.
    channel.writeInbound(Buffer.concat([bytes]));
    return channel.readInbound();
  };
  return heldByEach(decoded, count);
}
