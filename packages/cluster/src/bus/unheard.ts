import { Buffer } from 'node:buffer';

/** Further heartbeats under load, so that what is on its way stays known. */
const PROBE_EACH_BYTES = 1024 * 1024;
const PROBE_EACH_MESSAGES = 16 * 1024;
/** More than this is not given to an engine that has not shown that it takes it: its client would keep all. */
const MAX_UNHEARD_BYTES = 16 * 1024 * 1024;
/** The same for small messages: each takes some hundred bytes in a client. */
const MAX_UNHEARD_MESSAGES = 256 * 1024;
/** What a probe is made of: the link it was sent over, and how much was given to that before it. */
const PROBE_LENGTH = 24;

/**
 * What was given to the engine over one link, and what of it is known to have gone through: a probe carries how much
 * was given before it, and comes back behind all that.
 */
export class Unheard {
  private readonly generation: number;
  private givenBytes = 0;
  private givenCount = 0;
  private heardBytes = 0;
  private heardCount = 0;
  private bytesSinceProbe = 0;
  private countSinceProbe = 0;

  /** @param generation - the number of the link: probes of others say nothing about it */
  constructor(generation: number) {
    this.generation = generation;
  }

  hasRoomFor(subject: string, bytes: Uint8Array): boolean {
    const unheardBytes = this.givenBytes - this.heardBytes + sizeOf(subject, bytes);
    if (unheardBytes > MAX_UNHEARD_BYTES) return false;
    return this.givenCount - this.heardCount < MAX_UNHEARD_MESSAGES;
  }

  /** Notes that it is given now. True if a probe should follow. */
  give(subject: string, bytes: Uint8Array): boolean {
    const size = sizeOf(subject, bytes);
    this.givenBytes += size;
    this.givenCount += 1;
    this.bytesSinceProbe += size;
    this.countSinceProbe += 1;
    if (this.bytesSinceProbe >= PROBE_EACH_BYTES) return true;
    return this.countSinceProbe >= PROBE_EACH_MESSAGES;
  }

  probe(): Buffer {
    const probe = Buffer.allocUnsafe(PROBE_LENGTH);
    probe.writeDoubleBE(this.generation, 0);
    probe.writeDoubleBE(this.givenBytes, 8);
    probe.writeDoubleBE(this.givenCount, 16);
    this.bytesSinceProbe = 0;
    this.countSinceProbe = 0;
    return probe;
  }

  /** False for what is no probe of this link. */
  heard(probe: Buffer): boolean {
    if (probe.byteLength !== PROBE_LENGTH || probe.readDoubleBE(0) !== this.generation)
      return false;
    this.heardBytes = probe.readDoubleBE(8);
    this.heardCount = probe.readDoubleBE(16);
    return true;
  }
}

function sizeOf(subject: string, bytes: Uint8Array): number {
  return subject.length + bytes.byteLength;
}
