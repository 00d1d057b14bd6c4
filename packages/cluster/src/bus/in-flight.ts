import { Buffer } from 'node:buffer';

/** Further heartbeats under load, so that what is on its way stays known. */
const PROBE_EACH_BYTES = 1024 * 1024;
const PROBE_EACH_MESSAGES = 16 * 1024;
/** More than this is not given to an engine that has not shown that it takes it: its client would keep all. */
const MAX_IN_FLIGHT_BYTES = 16 * 1024 * 1024;
/** The same for small messages: each takes some hundred bytes in a client. */
const MAX_IN_FLIGHT_MESSAGES = 256 * 1024;
/** A probe is its number and two random ones, so that no other program can forge its return. */
const PROBE_LENGTH = 24;
/** Probes under way of which it is known what was given before them, at most. */
const MAX_PROBES = 1024;

/** How much was given before a probe. */
interface Given {
  readonly bytes: number;
  readonly count: number;
}

/**
 * Bytes that were given to the engine over one link, and those of them that have passed: a probe comes back behind
 * everything that was given before it.
 */
export class InFlight {
  /** The probes under way, in the order in which they were sent. */
  private readonly probes = new Map<string, Given>();
  private readonly random: () => number;
  private sent: number;
  private givenBytes = 0;
  private givenCount = 0;
  private heardBytes = 0;
  private heardCount = 0;
  private bytesSinceProbe = 0;
  private countSinceProbe = 0;

  /**
   * @param generation - the number of the link: its probes are none of others
   * @param random - from 0 to less than 1
   */
  constructor(generation: number, random: () => number) {
    this.sent = generation * 2 ** 32;
    this.random = random;
  }

  hasRoomFor(subject: string, bytes: Uint8Array): boolean {
    const inFlightBytes = this.givenBytes - this.heardBytes + sizeOf(subject, bytes);
    if (inFlightBytes > MAX_IN_FLIGHT_BYTES) return false;
    return this.givenCount - this.heardCount < MAX_IN_FLIGHT_MESSAGES;
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
    const { probes } = this;
    const probe = Buffer.allocUnsafe(PROBE_LENGTH);
    this.sent += 1;
    probe.writeDoubleBE(this.sent, 0);
    probe.writeDoubleBE(this.random(), 8);
    probe.writeDoubleBE(this.random(), 16);
    for (const oldest of probes.keys()) {
      if (probes.size < MAX_PROBES) break;
      probes.delete(oldest);
    }
    probes.set(keyOf(probe), { bytes: this.givenBytes, count: this.givenCount });
    this.bytesSinceProbe = 0;
    this.countSinceProbe = 0;
    return probe;
  }

  /** False for a value that is not a probe of this link, or came back before. */
  heard(probe: Buffer): boolean {
    const { probes } = this;
    const own = keyOf(probe);
    const given = probes.get(own);
    if (given === undefined) return false;
    this.heardBytes = given.bytes;
    this.heardCount = given.count;
    // Earlier probes confirm less.
    for (const key of probes.keys()) {
      probes.delete(key);
      if (key === own) break;
    }
    return true;
  }
}

function keyOf(probe: Buffer): string {
  return probe.toString('latin1', 0, PROBE_LENGTH + 1);
}

function sizeOf(subject: string, bytes: Uint8Array): number {
  return subject.length + bytes.byteLength;
}
