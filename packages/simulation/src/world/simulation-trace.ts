import type { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { printable } from '@headrace/core/authoring';

/** An event of a simulation. */
export interface TraceEntry {
  /** Time of the event, in milliseconds of the simulation's time. */
  readonly atMs: number;
  /** Host of the event, or an empty text for events of the simulation itself. */
  readonly host: string;
  /** Host to which a segment or datagram was sent. */
  readonly to?: string;
  /** Time at which the segment or datagram arrives there, unless it is lost. */
  readonly arrivesMs?: number;
  /** Kind of the event. `fault` is a planned or random fault. */
  readonly kind: 'sent' | 'lost' | 'note' | 'fault';
  readonly what: string;
}

/** Number of characters that are hashed together, because a call of the hash is more expensive than the text of an event. */
const SUMMED_CHARS = 16_384;

/** Number of sent bytes that a line shows. */
const PREVIEW_BYTES = 24;

/**
 * The events of a simulation, in order. The hash covers all events from the start, including payloads. Only the last entries
 * are kept.
 */
export class SimulationTrace {
  private readonly limit: number;
  private kept: TraceEntry[] = [];
  private dropped = 0;
  private readonly sum = createHash('sha1');
  /** The last part of the trace, which is not in `sum` yet. */
  private rest = '';

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Adds an entry. The payload is part of the hash, and the entry shows its first bytes. */
  add(entry: TraceEntry, payload?: Buffer): void {
    const { atMs, host, to = '', what } = entry;
    this.rest += `${atMs}\n${host}\n${to}\n${what}\n${payload?.length ?? 0}\n${payload?.toString('latin1') ?? ''}`;
    if (this.rest.length >= SUMMED_CHARS) this.sumUp();
    this.kept.push(payload === undefined ? entry : withPreview(entry, payload));
    if (this.kept.length < 2 * this.limit) return;
    this.dropped += this.kept.length - this.limit;
    this.kept = this.kept.slice(-this.limit);
  }

  /** The last entries, in order. */
  get entries(): readonly TraceEntry[] {
    return this.kept;
  }

  /** Number of all entries, including those that are no longer kept. */
  get length(): number {
    return this.dropped + this.kept.length;
  }

  /** Hash of the trace, the same for the same run: 64 bits in hex. */
  get hash(): string {
    this.sumUp();
    return this.sum.copy().digest('hex').slice(0, 16);
  }

  /** Returns the last lines as text: `   1203.5 ms  client → server  6 B "hello\n"`. */
  text(last: number = this.kept.length): string {
    return this.kept
      .slice(-last)
      .map((entry) => lineOf(entry))
      .join('\n');
  }

  private sumUp(): void {
    this.sum.update(this.rest);
    this.rest = '';
  }
}

/** Returns an entry as a line. */
export function lineOf({ atMs, host, to, what }: TraceEntry): string {
  const time = `${atMs.toFixed(1)} ms`.padStart(14);
  const where = to === undefined ? host : `${host} → ${to}`;
  return where === '' ? `${time}  ${what}` : `${time}  ${where}  ${what}`;
}

function withPreview(entry: TraceEntry, payload: Buffer): TraceEntry {
  if (payload.length === 0) return entry;
  const text = printable(payload.subarray(0, PREVIEW_BYTES).toString('latin1'));
  const rest = payload.length > PREVIEW_BYTES ? '…' : '';
  return { ...entry, what: `${entry.what} "${text}${rest}"` };
}
