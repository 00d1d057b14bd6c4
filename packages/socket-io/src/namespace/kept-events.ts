import { Fifo } from '@headrace/core/authoring';
import type { RecoverySession } from './recovery-session.ts';
import type { SocketIoEvent } from './socket-io-event.ts';

/** An event that clients may miss. */
export interface KeptEvent {
  readonly number: number;
  readonly event: SocketIoEvent;
  readonly size: number;
  readonly at: number;
}

/** An event from before the node was there. */
export type OlderEvent = Omit<KeptEvent, 'at'>;

/** The events of a namespace that are kept for clients that lose their connections, in the order of their numbers. */
export class KeptEvents {
  /** Number of the newest event. The numbers of events need not follow each other. */
  newest = 0;
  /** Number after which all events are kept. */
  from = 0;
  private readonly maxBytes: number;
  private events = new Fifo<KeptEvent>();
  private bytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** What is kept. */
  get held(): { readonly events: number; readonly bytes: number } {
    return { events: this.events.size, bytes: this.bytes };
  }

  add(entry: KeptEvent): void {
    this.newest = entry.number;
    this.bytes += entry.size;
    this.events.push(entry);
  }

  /** Adds older events before the others, so that all after `from` are kept. */
  addOlder(from: number, older: readonly OlderEvent[], now: number): void {
    const all = new Fifo<KeptEvent>();
    const at = this.events.peek()?.at ?? now;
    for (const entry of older) {
      this.bytes += entry.size;
      all.push({ ...entry, at });
    }
    for (let i = 0; i < this.events.size; i++) all.push(this.events.at(i)!);
    this.events = all;
    this.from = from;
  }

  /** Removes all events. Later ones have higher numbers than `newest`. */
  restart(newest: number): void {
    this.events.clear();
    this.bytes = 0;
    this.newest = newest;
    this.from = newest;
  }

  /** Removes events that are older than `oldest`, and those that are too many. */
  trim(oldest: number): void {
    const { events } = this;
    for (let first = events.peek(); first !== undefined; first = events.peek()) {
      if (first.at >= oldest && this.bytes <= this.maxBytes) return;
      this.from = first.number;
      events.shift();
      this.bytes -= first.size;
    }
  }

  /** Returns the events that a client has missed; `undefined` if they are not kept, or longer than `maxBytes`. */
  missed(session: RecoverySession, maxBytes: number): readonly SocketIoEvent[] | undefined {
    if (session.after < this.from || !session.knowsMissed) return undefined;
    const missed: SocketIoEvent[] = [];
    let bytes = 0;
    const { events } = this;
    for (let i = this.indexAfter(session.after); i < events.size; i++) {
      const { event, number } = events.at(i)!;
      if (!isFor(session, event, number)) continue;
      missed.push(event);
      bytes += event.kept!.byteLength;
      if (bytes > maxBytes) return undefined;
    }
    return missed;
  }

  /** Returns the index of the first event after a number. */
  private indexAfter(number: number): number {
    let [low, high] = [0, this.events.size];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.events.at(middle)!.number > number) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function isFor(session: RecoverySession, { chosen }: SocketIoEvent, number: number): boolean {
  const { rooms, except } = chosen!;
  const wasIn = (room: string) => session.wasIn(room, number);
  return (rooms.length === 0 || rooms.some(wasIn)) && !except.some(wasIn);
}
