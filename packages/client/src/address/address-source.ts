import { ChannelError, OptionError } from '@headrace/core';
import { textOf } from '@headrace/core/authoring';
import { type AddressOrder, AddressRing } from './address-ring.ts';

/** Finds the places to connect to; asked before each round through them. */
export type AddressFunction<P> = (options: {
  /** Aborts when the answer is not wanted any more. */
  readonly signal: AbortSignal;
}) => PromiseLike<readonly P[]> | readonly P[];

/** A list of places, or a function that finds them. */
export type Addresses<P> = readonly P[] | AddressFunction<P>;

/**
 * The places of a client, whose turn it is, and when to ask for them anew: at the start, after a connection was
 * lost, and when all of them have failed. If nobody answers then, the places known last are tried again.
 */
export class AddressSource<P> {
  private readonly ask: AddressFunction<P> | undefined;
  private readonly ring: AddressRing<P>;
  private isStale = true;
  private once: P[] = [];

  constructor(addresses: Addresses<P>, order: AddressOrder, random: () => number) {
    this.ring = new AddressRing(order, random);
    this.ask = typeof addresses === 'function' ? addresses : undefined;
    if (typeof addresses !== 'function') this.ring.update(checkedList(addresses));
  }

  /** These come before all others, each once; what is left of an earlier call does not. */
  preferOnce(places: readonly P[]): void {
    this.once = [...places];
  }

  /** The next place is known without asking. */
  get isKnown(): boolean {
    if (this.once.length > 0) return true;
    return this.ask === undefined || !(this.isStale || this.ring.isRoundOver);
  }

  /** Whose turn it is, if {@link isKnown}; the try begins. */
  take(): P {
    return this.once.shift() ?? this.ring.current!;
  }

  /** Asks, and returns whose turn it is then. */
  async find(signal: AbortSignal): Promise<P> {
    try {
      const places = await this.ask!({ signal });
      if (!Array.isArray(places) || places.length === 0) throw noPlaces(places);
      this.ring.update(places as readonly P[]);
      this.isStale = false;
    } catch (error) {
      if (this.ring.size === 0 || signal.aborted) throw error;
      // A route service that is down must not keep a client from servers that are not.
      this.isStale = true;
    }
    return this.take();
  }

  /** A try failed. */
  failed(place: P): void {
    this.ring.failed(place);
  }

  /** A connection was lost: much may have changed since. */
  lost(place: P): void {
    this.ring.failed(place);
    this.isStale = true;
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
  const text = `the function addresses gave ${got} and not a list of places`;
  return new ChannelError('CHANNEL_FAILED', text);
}
