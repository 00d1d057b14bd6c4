import type { LookupAddress } from 'node:dns';
import type { Channel, Clock, Timer } from '@headrace/core';
import { Attempt, onAbort, toError } from '@headrace/core/authoring';
import { closeLate } from '../retry/late-connection.ts';

/** Options of a race. */
export interface AddressRaceOptions<C> {
  /** In the order in which they start, at least one. */
  readonly addresses: readonly LookupAddress[];
  /** An attempt may run alone for so long before the next one joins. */
  readonly raceMs: number;
  readonly clock: Clock;
  /** Connects to one address; the signal aborts when another one has won. */
  readonly connect: (address: LookupAddress, signal: AbortSignal) => Promise<C>;
  /** Aborts all. */
  readonly signal: AbortSignal;
}

/**
 * Connects to several addresses of one host: they start `raceMs` apart, or at once when the one before has failed;
 * earlier attempts go on. The first that connects wins, the others are aborted. Rejects with the error of the first
 * address when all have failed.
 *
 * @see RFC 8305, section 5
 */
export function raceAddresses<C extends Channel>(options: AddressRaceOptions<C>): Promise<C> {
  return new Promise((resolve, reject) => new AddressRace(options, resolve, reject).next());
}

/** The addresses with their families in turn, the family of the first one first. */
export function interleaved(addresses: readonly LookupAddress[]): LookupAddress[] {
  const family = addresses[0]?.family;
  const first = addresses.filter((address) => address.family === family);
  const second = addresses.filter((address) => address.family !== family);
  return addresses.length === 0
    ? []
    : Array.from({ length: Math.max(first.length, second.length) }, (_, i) => [
        ...first.slice(i, i + 1),
        ...second.slice(i, i + 1),
      ]).flat();
}

class AddressRace<C extends Channel> {
  private readonly options: AddressRaceOptions<C>;
  private readonly resolve: (channel: C) => void;
  private readonly reject: (error: Error) => void;
  private readonly running = new Set<Attempt<C>>();
  private readonly errors: Error[] = [];
  private started = 0;
  private timer: Timer | undefined = undefined;
  private isOver = false;
  private readonly stopListening: () => void;

  constructor(
    options: AddressRaceOptions<C>,
    resolve: (channel: C) => void,
    reject: (error: Error) => void,
  ) {
    this.options = options;
    this.resolve = resolve;
    this.reject = reject;
    this.stopListening = onAbort(options.signal, () => this.aborted());
  }

  /** Starts the next address, if there is one. */
  next(): void {
    const { addresses, raceMs, clock, connect, signal } = this.options;
    this.timer?.cancel();
    if (signal.aborted) this.aborted();
    const address = addresses[this.started];
    if (this.isOver || address === undefined) return;
    this.started += 1;
    if (this.started < addresses.length) {
      this.timer = clock.schedule(() => this.next(), raceMs, true);
    }
    const attempt = new Attempt<C>((cancel) => connect(address, cancel), {
      done: (channel) => {
        this.running.delete(attempt);
        this.end();
        this.resolve(channel);
      },
      failed: (error) => this.failed(error, attempt),
      late: closeLate,
    });
    this.running.add(attempt);
  }

  private failed(error: Error, attempt: Attempt<C>): void {
    this.running.delete(attempt);
    this.errors.push(error);
    if (this.started < this.options.addresses.length) this.next();
    else if (this.running.size === 0) {
      this.end();
      this.reject(this.errors[0]!);
    }
  }

  private aborted(): void {
    if (this.isOver) return;
    this.end();
    this.reject(toError(this.options.signal.reason));
  }

  private end(): void {
    this.isOver = true;
    this.timer?.cancel();
    this.stopListening();
    for (const attempt of this.running) attempt.drop(new Error('another address was faster'));
    this.running.clear();
  }
}
