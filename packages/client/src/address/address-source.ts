import { ChannelError, type Clock, isHeadraceError } from '@headrace/core';
import { textOf } from '@headrace/core/authoring';
import { type AddressOrder, AddressRing } from './address-ring.ts';
import type { PlaceBalance } from './place-balance.ts';
import { placeKey } from './place-key.ts';

/** Finds the places to connect to. Called before each round through the places. */
export interface AddressFunction<P> {
  (options: {
    /** Signal that aborts when the result is no longer needed. */
    readonly signal: AbortSignal;
    /** Place of the last connection; `undefined` before the first connection. */
    readonly inUse?: unknown;
    /** Whether all places of the last answer have failed since, so that an answer that is kept is out of date. @default false */
    readonly haveFailed?: boolean;
  }): PromiseLike<readonly P[]> | readonly P[];
  /** Default of the client's option `order` with this function. */
  readonly addressOrder?: AddressOrder;
}

/** Maximum number of tries in a round, so that a long list of places cannot cause endless tries without a wait. */
const MAX_TRIES = 32;

/** List of places, or function that finds places. */
export type Addresses<P> = readonly P[] | AddressFunction<P>;

/**
 * The places of a client, in the order of their tries. The function is called at the start, after a lost connection, and when all
 * places have failed. If the function then fails, the last known places are tried again.
 *
 * A place whose error has `details.retryAfterMs` (`Retry-After`) is not tried for that time, and up to half of it longer, so that
 * clients that it refused together come back apart. Other places go on. The function likewise, while a place is known.
 */
export class AddressSource<P> {
  private readonly ask: AddressFunction<P> | undefined;
  private readonly ring: AddressRing<P>;
  private readonly random: () => number;
  private readonly clock: Clock;
  private readonly balance: PlaceBalance | undefined;
  /** Keys of the places with a try under way, and of the place of the connection. */
  private readonly held = new Set<string>();
  private isStale: boolean;
  /** Places that are tried before all other places, by their keys. */
  private once = new Map<string, P>();
  private tries = 0;
  /** Time until which the function is not asked again. */
  private askAt = 0;

  constructor(
    addresses: Addresses<P>,
    order: AddressOrder,
    random: () => number,
    clock: Clock,
    balance: PlaceBalance | undefined,
  ) {
    this.random = random;
    this.clock = clock;
    this.ring = new AddressRing(order, random, balance, () => clock.now());
    this.balance = balance;
    this.ask = typeof addresses === 'function' ? addresses : undefined;
    this.isStale = this.ask !== undefined;
    if (typeof addresses !== 'function') this.ring.update(addresses);
  }

  /** Puts up to 32 places before all other places, each for one try. Replaces the places of an earlier call. */
  preferOnce(places: readonly P[]): void {
    const once = new Map<string, P>();
    for (const place of places) if (once.size < MAX_TRIES) once.set(placeKey(place), place);
    this.once = once;
  }

  isListed(place: P): boolean {
    return this.ask === undefined && this.ring.has(place);
  }

  get hasNext(): boolean {
    if (this.tries >= MAX_TRIES) return false;
    return this.nextPreferred !== undefined || (!this.isStale && this.ring.hasNext);
  }

  /** Whether the next place is known without a call of the function, in this round or a new one. */
  get isKnown(): boolean {
    return this.hasNext || this.ask === undefined;
  }

  /** Time for which the client was asked to stay away: 0 if a place may be tried now. */
  get restMs(): number {
    if (this.once.size > 0) return 0;
    return this.ring.size > 0 ? this.ring.restMs : Math.max(0, this.askAt - this.clock.now());
  }

  /** Returns the next place, if {@link isKnown}, and begins its try. */
  take(): P {
    if (!this.hasNext) this.beginRound();
    const place = this.takePreferred() ?? this.ring.next()!;
    this.tries += 1;
    this.ring.markTried(place);
    this.held.add(placeKey(place));
    this.balance?.add(place);
    return place;
  }

  /** Calls the function, then returns the next place and begins its try. */
  async find(signal: AbortSignal, inUse: P | undefined): Promise<P> {
    try {
      const mustAsk = this.ring.size === 0 || this.clock.now() >= this.askAt;
      const places = mustAsk
        ? await this.ask!({ signal, inUse, haveFailed: !this.isStale })
        : this.ring.places;
      if (!Array.isArray(places) || places.length === 0) throw noPlaces(places);
      signal.throwIfAborted();
      this.ring.update(places as readonly P[]);
      this.beginRound();
    } catch (error) {
      this.askAt = this.clock.now() + this.restAfter(error);
      if (this.ring.size === 0 || signal.aborted) throw error;
      // If a route service fails, the client can still reach the known servers.
      this.beginRound();
    }
    this.isStale = false;
    return this.take();
  }

  beginRound(): void {
    this.ring.beginRound();
    this.tries = 0;
  }

  /** Ends a try that was given up and did not fail. */
  giveBack(place: P): void {
    this.ring.giveBack(place);
    this.release(place);
  }

  release(place: P): void {
    if (this.held.delete(placeKey(place))) this.balance?.remove(place);
  }

  failed(place: P, error: Error): void {
    this.ring.failed(place);
    this.leave(place, error);
  }

  /** Returns true if a place besides this one is known, or can be asked for. */
  hasBeside(place: P): boolean {
    return this.ask !== undefined || this.once.size > 0 || this.ring.hasBeside(place);
  }

  /** Records a lost connection. The function is asked again, because the places may have changed. */
  lost(place: P, error: Error, wasStable: boolean, isPlanned: boolean): void {
    if (wasStable) this.ring.wasStable(place);
    this.ring.lost(place, isPlanned);
    this.leave(place, error);
    // For the order `given`, the first reachable place is preferred (RFC 2782).
    if (wasStable && !isPlanned && this.ring.isGiven) this.ring.forgive();
    this.beginRound();
    this.isStale = this.ask !== undefined;
  }

  private leave(place: P, error: Error): void {
    this.ring.rest(place, this.restAfter(error));
    this.release(place);
  }

  private restAfter(error: unknown): number {
    const { retryAfterMs = 0 } = (isHeadraceError(error) ? error.details : {}) as {
      readonly retryAfterMs?: number;
    };
    return retryAfterMs * (1 + this.random() / 2);
  }

  /** Returns the next preferred place without a try under way. */
  private get nextPreferred(): string | undefined {
    return [...this.once.keys()].find((key) => !this.held.has(key));
  }

  private takePreferred(): P | undefined {
    const key = this.nextPreferred;
    const place = key === undefined ? undefined : this.once.get(key);
    if (key !== undefined) this.once.delete(key);
    return place;
  }
}

function noPlaces(found: unknown): ChannelError {
  const got = Array.isArray(found) ? 'an empty list' : textOf(found);
  const text = `the function addresses returned ${got}, but must return a list of places`;
  return new ChannelError('CHANNEL_FAILED', text);
}
