import {
  Bootstrap,
  type Channel,
  type Clock,
  type ConnectPlace,
  type Logger,
  stderrLogger,
} from '@headrace/core';
import {
  CLOCK,
  checkConnectPlace,
  choice,
  describeOptions,
  fn,
  having,
  LOGGER,
  number,
  placeText,
  RANDOM,
  type Resolved,
  type RetryBudget,
  type RetryPolicy,
  textOf,
  time,
  unchecked,
} from '@headrace/core/authoring';
import type { AddressOrder } from '../address/address-ring.ts';
import type { Addresses } from '../address/address-source.ts';
import { CONNECTOR, type Connector } from '../address/connector.ts';
import type { PlaceBalance } from '../address/place-balance.ts';
import { RacingConnector } from '../address/racing-connector.ts';
import { spread } from '../retry/spread.ts';
import type { OfflineOptions } from './offline-queue.ts';
import type { ShouldRetry } from './reconnect-machine.ts';

/** Options of a {@link ReconnectingClient}. Times are in milliseconds. */
export interface ReconnectingClientOptions<P = ConnectPlace, C extends Channel = Channel> {
  /** Connects; a `Bootstrap` whose `handler` is a function, so that each connection gets handlers of its own. */
  readonly bootstrap: Connector<NoInfer<P>, C>;
  /** The places to connect to: a list, or a function that is called before each round through them; see `httpAddresses`. */
  readonly addresses: Addresses<P>;
  /**
   * The order of the places: `shuffle` shuffles them once per client and then takes them in turn; `given` keeps their order.
   * Places that failed more often come after the others.
   *
   * @default 'shuffle', 'given' with srvAddresses
   */
  readonly order?: AddressOrder;
  /** Shared with other clients, so that they go to different places; for the order `shuffle`. @default none */
  readonly balance?: PlaceBalance;
  /**
   * The time after which the next place is tried while a connect is still under way; the first that connects wins. The IP
   * addresses of one name race in the same way, families in turn (RFC 8305). With another `bootstrap` than core's, the addresses
   * of a name race only if this option is given, and never with a ProxyConnector. `false` tries one place after the other, and
   * resolves names in Node's way.
   * @default 250; places of srvAddresses do not race
   */
  readonly raceMs?: number | false;
  /** How long finding the places may take, and how long connecting to each. @default 10000 */
  readonly connectTimeoutMs?: number | false;
  /** Prepares a new connection, such as by a sign-in or a subscription. When it resolves, the client is online. @default none */
  readonly ready?: (channel: C) => unknown;
  /** How long `ready` may take. @default 10000 */
  readonly readyTimeoutMs?: number | false;
  /** The policy that decides when to try again. @default spread() */
  readonly retry?: RetryPolicy;
  /**
   * The time online after which a connection counts as stable: the next loss begins with the first try of `retry`.
   * @default 10000
   */
  readonly stableMs?: number;
  /**
   * Decides whether to try again after a loss; `{ afterMs }` means yes, after this time in place of that of `retry`.
   * @default always
   */
  readonly shouldRetry?: ShouldRetry<P>;
  /** Limits the tries of all clients that share it, without those at `start()`. @default none */
  readonly budget?: RetryBudget;
  /** The treatment of writes while there is no connection. @default they wait, within limits */
  readonly offline?: OfflineOptions;
  /** The adaptive interval that the heartbeat handlers share; `networkChanged()` resets it. @default none */
  readonly adaptive?: { reset(): void };
  /** Closes the client. */
  readonly signal?: AbortSignal;
  /** Gets the failures of listeners, and of writes whose futures were not observed. @default stderrLogger() */
  readonly logger?: Logger;
  /** @default systemClock */
  readonly clock?: Clock;
  /** Returns a random number in [0, 1). @default Math.random */
  readonly random?: () => number;
}

const OPTIONS = describeOptions('ReconnectingClient', {
  bootstrap: CONNECTOR,
  addresses: unchecked({ required: true }),
  order: choice(['shuffle', 'given']),
  balance: having('connectionsTo', 'a PlaceBalance'),
  raceMs: time({ default: 250 }),
  connectTimeoutMs: time({ default: 10_000 }),
  ready: fn({ answers: 'a promise', purpose: 'makes a connection usable' }),
  readyTimeoutMs: time({ default: 10_000 }),
  retry: fn({
    answers: 'at once',
    takes: 2,
    purpose: 'gives the next delay',
    default: spread(),
  }),
  stableMs: number({ default: 10_000 }),
  shouldRetry: fn({ answers: 'at once', purpose: 'decides on a loss', default: () => true }),
  budget: having('reserve', 'a RetryBudget'),
  offline: unchecked({ default: {} }),
  adaptive: having('reset', 'an AdaptiveInterval'),
  signal: unchecked(),
  logger: LOGGER,
  clock: CLOCK,
  random: RANDOM,
});

/** Options, checked, with their defaults. */
export interface ReconnectSettings<P, C extends Channel>
  extends Resolved<ReconnectingClientOptions<P, C>, typeof OPTIONS.kinds> {
  readonly logger: Logger;
  readonly order: AddressOrder;
  /** How long a connect may run alone before the next place joins it. */
  readonly placeRaceMs: number;
}

export function reconnectSettings<P, C extends Channel>(
  options: ReconnectingClientOptions<P, C>,
): ReconnectSettings<P, C> {
  const settings = OPTIONS.resolve(
    options as object as ReconnectingClientOptions,
  ) as unknown as ReconnectSettings<P, C>;
  const { bootstrap, addresses, clock, raceMs, logger = stderrLogger() } = settings;
  const isOurs = bootstrap instanceof Bootstrap;
  if (isOurs && Array.isArray(addresses)) {
    for (const place of addresses) checkConnectPlace(place);
  }
  const ownOrder = typeof addresses === 'function' ? addresses.addressOrder : undefined;
  const order = settings.order ?? ownOrder ?? 'shuffle';
  const isAsked = options.raceMs !== undefined;
  // Others may have names of their own, which no DNS knows.
  const isRace = Number.isFinite(raceMs) && (isOurs || isAsked) && bootstrap.findsNames !== true;
  const connector = isRace ? new RacingConnector<P, C>(bootstrap, raceMs, clock) : bootstrap;
  // A spare place that is faster must not win.
  const placeRaceMs = ownOrder === 'given' && !isAsked ? Number.POSITIVE_INFINITY : raceMs;
  return { ...settings, bootstrap: connector, logger, order, placeRaceMs };
}

/** A place as text, for errors. */
export function textOfPlace(place: unknown): string {
  if (typeof place !== 'object' || place === null || place instanceof URL) return textOf(place);
  const isPlace = 'port' in place || 'path' in place || 'network' in place || 'transport' in place;
  return isPlace ? placeText(place as ConnectPlace) : 'a place';
}
