import { ChannelError, OptionError } from '@headrace/core';
import { textOf } from '@headrace/core/authoring';
import { type AddressOrder, AddressRing } from './address-ring.ts';
import type { PlaceBalance } from './place-balance.ts';
import { placeKey } from './place-key.ts';

/** Finds the places to connect to; asked before each round through them. */
export interface AddressFunction<P> {
  (options: {
    /** Aborts when the answer is not needed any more. */
    readonly signal: AbortSignal;
    /** The place of the last connection; `undefined` before the first one. */
    readonly inUse?: unknown;
  }): PromiseLike<readonly P[]> | readonly P[];
  /** The default of the client's `order` for this function. */
  readonly addressOrder?: AddressOrder;
}

/** No list of places makes a client try without a pause: a longer one takes several rounds. */
const MAX_TRIES = 32;

/** A list of places, or a function that finds them. */
export type Addresses<P> = readonly P[] | AddressFunction<P>;

/**
 * The places of a client, whose turn it is, and when to ask for them again: at the start, after a connection was
 * lost, and when all of them have failed. If no answer comes then, the places known last are tried again.
 */
export class AddressSource<P> {
  private readonly ask: AddressFunction<P> | undefined;
  private readonly ring: AddressRing<P>;
  private readonly balance: PlaceBalance | undefined;
  /** The keys of the places with a try under way, or the connection. */
  private readonly held = new Set<string>();
  private isStale: boolean;
  /** The places that come before all others, by their keys. */
  private once = new Map<string, P>();
  /** How many tries this round has had. */
  private tries = 0;

  constructor(
    addresses: Addresses<P>,
    order: AddressOrder,
    random: () => number,
    balance: PlaceBalance | undefined,
  ) {
    this.ring = new AddressRing(order, random, balance);
    this.balance = balance;
    this.ask = typeof addresses === 'function' ? addresses : undefined;
    this.isStale = this.ask !== undefined;
    if (typeof addresses !== 'function') this.ring.update(checkedList(addresses));
  }

  /** These come before all others, each once, at most 32; what is left of an earlier call does not. */
  preferOnce(places: readonly P[]): void {
    const once = new Map<string, P>();
    for (const place of places) if (once.size < MAX_TRIES) once.set(placeKey(place), place);
    this.once = once;
  }

  /** The place is the application's own, of the list of addresses. */
  isListed(place: P): boolean {
    return this.ask === undefined && this.ring.has(place);
  }

  /** A place has not been tried in this round, and is known without asking. */
  get hasNext(): boolean {
    if (this.tries >= MAX_TRIES) return false;
    return this.nextPreferred !== undefined || (!this.isStale && this.ring.hasNext);
  }

  /** The next place is known without asking, in this round or a new one. */
  get isKnown(): boolean {
    return this.hasNext || this.ask === undefined;
  }

  /** The place whose turn it is, if {@link isKnown}; its try begins. */
  take(): P {
    if (!this.hasNext) this.beginRound();
    const place = this.takePreferred() ?? this.ring.next()!;
    this.tries += 1;
    this.ring.markTried(place);
    this.held.add(placeKey(place));
    this.balance?.add(place);
    return place;
  }

  /** Asks, and returns the place whose turn it is then. */
  async find(signal: AbortSignal, inUse: P | undefined): Promise<P> {
    try {
      const places = await this.ask!({ signal, inUse });
      if (!Array.isArray(places) || places.length === 0) throw noPlaces(places);
      signal.throwIfAborted();
      this.ring.update(places as readonly P[]);
      this.beginRound();
    } catch (error) {
      if (this.ring.size === 0 || signal.aborted) throw error;
      // A route service that is down must not keep a client from servers that are not.
      this.beginRound();
    }
    this.isStale = false;
    return this.take();
  }

  /** All places have a turn again. */
  beginRound(): void {
    this.ring.beginRound();
    this.tries = 0;
  }

  /** The try was given up, and did not fail. */
  giveBack(place: P): void {
    this.ring.giveBack(place);
    this.release(place);
  }

  /** The connection is not needed any more. */
  release(place: P): void {
    if (this.held.delete(placeKey(place))) this.balance?.remove(place);
  }

  /** A try failed. */
  failed(place: P): void {
    this.ring.failed(place);
    this.release(place);
  }

  /** A connection was lost: much may have changed since. */
  lost(place: P, wasStable: boolean, isMoved: boolean): void {
    if (wasStable) this.ring.wasStable(place);
    this.failed(place);
    // In an order that is given, the first place that can be reached is the right one (RFC 2782).
    if (wasStable && !isMoved && this.ring.isGiven) this.ring.forgive();
    this.beginRound();
    this.isStale = this.ask !== undefined;
  }

  /** No place has two tries at a time. */
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

function checkedList<P>(addresses: readonly P[]): readonly P[] {
  if (Array.isArray(addresses) && addresses.length > 0) return addresses;
  const got = Array.isArray(addresses) ? 'an empty list' : textOf(addresses);
  throw new OptionError(
    'OPTION_INVALID',
    `addresses is ${got}, but must be a list of places to connect to, or a function that finds them`,
    { option: 'addresses' },
  );
}

function noPlaces(found: unknown): ChannelError {
  const got = Array.isArray(found) ? 'an empty list' : textOf(found);
  const text = `the function addresses returned ${got}, but must return a list of places`;
  return new ChannelError('CHANNEL_FAILED', text);
}
