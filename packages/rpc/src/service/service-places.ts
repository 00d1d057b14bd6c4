import { type Clock, OptionError, type WriteFuture } from '@headrace/core';
import { CLOCK, choice, describeOptions, RANDOM, time, toError } from '@headrace/core/authoring';
import type { CallOptions, StreamOptions } from '../exchange/exchange-options.ts';
import type { JsonRpcCall } from '../exchange/json-rpc-message.ts';
import { WatchedItems } from '../items/watched-items.ts';
import type { PlacedCaller, ServicePlace, TriedPlaces } from './service-caller.ts';
import { isOverloaded, isPlaceGone, retryAfterMs } from './service-codes.ts';

/** Options of {@link ServicePlaces}. */
export interface ServicePlacesOptions {
  /**
   * Selection of a place. `two-choices` takes the less busy of two random places, so that many clients do not all choose the same
   * place. `round-robin` takes the places in turn.
   * @default 'two-choices'
   */
  readonly pick?: 'two-choices' | 'round-robin';
  /**
   * Time without calls for a place that lost a call or refused a call as overloaded, in milliseconds. A server can ask for a
   * longer time. If there is no other place, the place still receives calls. `false` for no rest.
   * @default 1000
   */
  readonly restMs?: number | false;
  /** Clock of the rests. @default systemClock */
  readonly clock?: Clock;
  /** Returns a number from 0 to 1. @default Math.random */
  readonly random?: () => number;
}

const OPTIONS = describeOptions('ServicePlaces', {
  pick: choice(['two-choices', 'round-robin'], { default: 'two-choices' }),
  restMs: time({ default: 1000 }),
  clock: CLOCK,
  random: RANDOM,
});

interface Entry {
  readonly place: ServicePlace;
  load: number;
  restsUntil: number;
}

/**
 * Several places that answer the same service, as one caller for `clientOf`. Each call is sent to one place. A place that is not
 * ready, or rests, receives no calls while there is another place. A retry of an idempotent call is sent to another
 * place, if possible. Clients that share the object share its counts.
 *
 * @example
 * ```ts check
 * import type { RequestClient } from '@headrace/client';
 * import { clientOf, type JsonRpcExchange, type Service, ServicePlaces } from '@headrace/rpc';
 *
 * declare const prices: Service;
 * declare const east: RequestClient<JsonRpcExchange>;
 * declare const west: RequestClient<JsonRpcExchange>;
 * const api = clientOf(prices, new ServicePlaces([east, west]));
 * ```
 * @see Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001
 */
export class ServicePlaces implements PlacedCaller {
  private readonly entries: readonly Entry[];
  private readonly isInTurn: boolean;
  private readonly restMs: number;
  private readonly clock: Clock;
  private readonly random: () => number;
  private turn = 0;

  /**
   * @param places - the places, each only once
   * @throws OptionError if there is no place, or a place is listed twice
   */
  constructor(places: readonly ServicePlace[], options: ServicePlacesOptions = {}) {
    const { pick, restMs, clock, random } = OPTIONS.resolve(options);
    if (!Array.isArray(places) || places.length === 0) {
      const text = 'places is empty, but must be a list of RequestClients or ExchangeHandlers';
      throw new OptionError('OPTION_INVALID', text, { option: 'places' });
    }
    if (new Set(places).size < places.length) {
      const text = 'places has the same place twice: each is there once, with its own load';
      throw new OptionError('OPTION_INVALID', text, { option: 'places' });
    }
    this.entries = places.map((place) => ({ place, load: 0, restsUntil: -Infinity }));
    this.isInTurn = pick === 'round-robin';
    this.restMs = restMs === Number.POSITIVE_INFINITY ? 0 : restMs;
    this.clock = clock;
    this.random = random;
  }

  /** Number of calls and streams under way at each place, in the order of the places. */
  get loads(): readonly number[] {
    return this.entries.map(({ load }) => load);
  }

  request(call: JsonRpcCall, options?: CallOptions): Promise<unknown> {
    return this.requestElsewhere(new Set(), call, options);
  }

  /** Sends a call like {@link request}, but, if possible, to a place that is not in `tried`. Adds the place to `tried`. */
  requestElsewhere(tried: TriedPlaces, call: JsonRpcCall, options?: CallOptions): Promise<unknown> {
    const entry = this.choose(tried);
    tried.add(entry.place);
    const answer = entry.place.request(call, options);
    entry.load += 1;
    return answer.then(
      (value) => {
        entry.load -= 1;
        return value;
      },
      (thrown: unknown) => {
        this.failed(entry, thrown);
        throw thrown;
      },
    );
  }

  stream(call: JsonRpcCall, options?: StreamOptions): AsyncIterable<unknown> {
    const entry = this.choose(NONE);
    const items = entry.place.stream(call, options);
    entry.load += 1;
    const ended = (): void => {
      entry.load -= 1;
    };
    const failed = (thrown: unknown): void => this.failed(entry, thrown);
    return new WatchedItems(items, { ended, left: ended, failed });
  }

  notify(call: JsonRpcCall): WriteFuture {
    return this.choose(NONE).place.notify(call);
  }

  private failed(entry: Entry, thrown: unknown): void {
    entry.load -= 1;
    const error = toError(thrown);
    if (!isPlaceGone(error) && !isOverloaded(error)) return;
    // A place that fails at once has the fewest calls under way. Without a rest, it would receive all calls.
    entry.restsUntil = this.clock.now() + Math.max(this.restMs, retryAfterMs(error));
  }

  private choose(tried: ReadonlySet<ServicePlace>): Entry {
    const { entries } = this;
    if (entries.length === 1) return entries[0]!;
    const left = this.leftOf(tried);
    if (this.isInTurn) return this.next(left);
    const first = left[this.chance(left.length)]!;
    const other = left[this.chance(left.length)]!;
    return other.load < first.load ? other : first;
  }

  /** Returns the best places. Ready places have priority, then untried places, then rested places. */
  private leftOf(tried: ReadonlySet<ServicePlace>): readonly Entry[] {
    const now = this.clock.now();
    const restedOf = (all: readonly Entry[]) => all.filter(({ restsUntil }) => restsUntil <= now);
    const fresh = this.entries.filter(({ place }) => !tried.has(place));
    for (const all of [fresh, this.entries]) {
      const ready = all.filter(({ place }) => place.isReady);
      const rested = restedOf(ready);
      if (rested.length > 0) return rested;
      if (ready.length > 0) return ready;
    }
    // A place that has given up fails at once. A place that reconnects may be ready in time.
    const rested = restedOf(fresh);
    if (rested.length > 0) return rested;
    return fresh.length > 0 ? fresh : this.entries;
  }

  /** Returns the first of these places, from the turn on. */
  private next(left: readonly Entry[]): Entry {
    const { entries } = this;
    for (;;) {
      const entry = entries[this.turn % entries.length]!;
      this.turn = (this.turn + 1) % entries.length;
      if (left.includes(entry)) return entry;
    }
  }

  private chance(count: number): number {
    return Math.min(count - 1, Math.floor(this.random() * count));
  }
}

const NONE: ReadonlySet<ServicePlace> = new Set();
