import { Buffer } from 'node:buffer';

/** Amounts of messages after which the bus sends a further heartbeat, so that the amount in flight stays known. */
const PROBE_EACH_BYTES = 1024 * 1024;
const PROBE_EACH_MESSAGES = 16 * 1024;
/** Maximum size of messages that an engine has not confirmed. The client of a stopped engine would keep all such messages. */
const MAX_IN_FLIGHT_BYTES = 16 * 1024 * 1024;
/** The same limit for small messages, which take some hundred bytes each in a client. */
const MAX_IN_FLIGHT_MESSAGES = 256 * 1024;
/** A probe has its number and two random numbers, so that no other program can forge its return. */
const PROBE_LENGTH = 24;
/** Maximum number of probes in flight for which the earlier amounts are known. */
const MAX_PROBES = 1024;

/** The amount that was passed before a probe. */
interface Given {
  readonly bytes: number;
  readonly count: number;
}

/**
 * Counts the bytes that were passed to the engine over one link, and how many of them have arrived. A probe comes back after
 * everything that was passed before it.
 */
export class InFlight {
  /** The probes in flight, in the order of sending. */
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
   * @param generation - the number of the link, so that probes of different links differ
   * @param random - a function that returns a number from 0 to less than 1
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

  /** Counts a message that is passed now. Returns true if a probe should follow. */
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

  /** Returns false for a value that is not a probe of this link, or came back before. */
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
