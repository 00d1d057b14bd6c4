import type { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { printable } from '@headrace/core/authoring';

/** One thing that happened in a simulation. */
export interface TraceEntry {
  /** When it happened, in the time of the simulation. */
  readonly atMs: number;
  /** On which host; empty for what the simulation did. */
  readonly host: string;
  /** To which host something was sent. */
  readonly to?: string;
  /** When it arrives there, if it does. */
  readonly arrivesMs?: number;
  /** `fault` for what the plan or chance did. */
  readonly kind: 'sent' | 'lost' | 'note' | 'fault';
  /** The event in words. */
  readonly what: string;
}

/** A call of the hash costs more than what an event says: many events are summed by one. */
const SUMMED_CHARS = 16_384;

/** The number of sent bytes that a line shows. */
const PREVIEW_BYTES = 24;

/**
 * The events of a simulation, in order. The hash covers all of them from the beginning, payloads
 * included; only the last entries are kept.
 */
export class SimulationTrace {
  private readonly limit: number;
  private kept: TraceEntry[] = [];
  private dropped = 0;
  private readonly sum = createHash('sha1');
  /** The beginning of the trace is in `sum`, the rest is here. */
  private rest = '';

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Adds an entry; a payload is part of the hash, and its first bytes are shown. */
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

  /** How many entries there were. */
  get length(): number {
    return this.dropped + this.kept.length;
  }

  /** The same for the same run: 64 bits in hex. */
  get hash(): string {
    this.sumUp();
    return this.sum.copy().digest('hex').slice(0, 16);
  }

  /** The last lines as text: `   1203.5 ms  client → server  6 B "hello\n"`. */
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

/** One entry as a line. */
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
