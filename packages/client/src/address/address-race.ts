import type { LookupAddress } from 'node:dns';
import { type Channel, type Clock, isHeadraceError, type Timer } from '@headrace/core';
import { Attempt, onAbort, toError } from '@headrace/core/authoring';
import { closeLate } from '../retry/late-connection.ts';

/** Time that addresses without an answer have left after an error of an address that was reached, in milliseconds. */
const REST_MS = 2500;

/** Options of a race. */
export interface AddressRaceOptions<C> {
  /** Addresses in the order in which their attempts start; at least one. */
  readonly addresses: readonly LookupAddress[];
  /** Time that an attempt runs alone before the next attempt starts. */
  readonly raceMs: number;
  readonly clock: Clock;
  /** Connects to one address. The signal aborts when another address has won. */
  readonly connect: (address: LookupAddress, signal: AbortSignal) => Promise<C>;
  /** Signal that aborts all attempts. */
  readonly signal: AbortSignal;
}

/**
 * Connects to several addresses of one host. The attempts start `raceMs` apart, or at once when the previous attempt has failed;
 * earlier attempts continue. The first connection wins, and the other attempts are aborted.
 *
 * If all attempts fail, rejects with the first error of an address that was reached, such as that of its certificate, or with the
 * first error. Its message has those of the other addresses, too. After an error of an address that was reached, addresses without an answer have 2.5 s left.
 *
 * @see RFC 8305, section 5
 */
export function raceAddresses<C extends Channel>(options: AddressRaceOptions<C>): Promise<C> {
  return new Promise((resolve, reject) => new AddressRace(options, resolve, reject).next());
}

/** Returns the addresses with alternating families. The family of the first address stays first. */
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
    this.limitRest();
  }

  private failed(error: Error, attempt: Attempt<C>): void {
    this.running.delete(attempt);
    this.errors.push(error);
    if (this.started < this.options.addresses.length) this.next();
    else if (this.running.size === 0) this.giveUp();
    else this.limitRest();
  }

  /** An address that never answers must not hide what the server of another address has told. */
  private limitRest(): void {
    const { addresses, clock } = this.options;
    if (this.started < addresses.length || !this.errors.some(isOfServer)) return;
    this.timer?.cancel();
    this.timer = clock.schedule(() => this.giveUp(), REST_MS, true);
  }

  private giveUp(): void {
    this.end();
    this.reject(withOthers(this.errors.find(isOfServer) ?? this.errors[0]!, this.errors));
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

const OTHERS = '; other addresses of the name: ';

/** Adds the messages of other addresses to an error of ours, so that nobody looks for the cause at only one of them. */
function withOthers(error: Error, errors: readonly Error[]): Error {
  const others = new Set(errors.map(({ message }) => message));
  others.delete(error.message);
  // A connector may reject with the same error each time.
  if (others.size === 0 || !isHeadraceError(error) || error.message.includes(OTHERS)) return error;
  error.message += `${OTHERS}${[...others].join('; ')}`;
  return error;
}

/** Whether an attempt reached its address. The other codes are those of the network. */
function isOfServer(error: Error): boolean {
  const isOfNetwork = ['CHANNEL_REFUSED', 'CHANNEL_FAILED', 'TIMEOUT_CONNECT'] as const;
  return isHeadraceError(error) && !isOfNetwork.some((code) => isHeadraceError(error, code));
}
