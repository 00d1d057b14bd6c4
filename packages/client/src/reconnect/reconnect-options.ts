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
  checkConnectPlaces,
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
  value,
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
  /** A connector, for example a `Bootstrap` whose `handler` is a function, so that each connection has its own handlers. */
  readonly bootstrap: Connector<NoInfer<P>, C>;
  /** Places to connect to: a list, or a function that is called before each round, for example `httpAddresses`. */
  readonly addresses: Addresses<P>;
  /**
   * Order of the places. `shuffle` shuffles the list once per client. `given` keeps the order of the list. Places that have
   * failed more often come later.
   *
   * @default 'shuffle', 'given' with srvAddresses
   */
  readonly order?: AddressOrder;
  /** A balance shared with other clients, so that they connect to different places in the order `shuffle`. @default none */
  readonly balance?: PlaceBalance;
  /**
   * Time after which the next place is tried while a connect is under way. The first connection wins. The IP addresses of one
   * name race in the same way, with alternating families (RFC 8305). With another `bootstrap` than core's, addresses race only if
   * this option is given. With a `ProxyConnector`, addresses never race. `false` tries one place after the other, and Node
   * resolves the names.
   * @default 250; places of srvAddresses do not race
   */
  readonly raceMs?: number | false;
  /** Maximum time to find the places, and maximum time of each connect. @default 10000 */
  readonly connectTimeoutMs?: number | false;
  /** Prepares a new connection, for example by a sign-in. When the function resolves, the client is online. @default none */
  readonly ready?: (channel: C) => unknown;
  /** Maximum time of `ready`. @default 10000 */
  readonly readyTimeoutMs?: number | false;
  /** Policy that decides when to retry. @default spread() */
  readonly retry?: RetryPolicy;
  /** Time online after which a connection is stable. The next loss then begins with the first try of `retry`. @default 10000 */
  readonly stableMs?: number;
  /**
   * Decides whether to retry after a loss. `{ afterMs }` retries after this time instead of the time of `retry`.
   * @default always
   */
  readonly shouldRetry?: ShouldRetry<P>;
  /** Limits the tries of all clients that share this budget, except the tries at `start()`. @default none */
  readonly budget?: RetryBudget;
  /** Treatment of writes while the client has no connection. @default they wait, within limits */
  readonly offline?: OfflineOptions;
  /** Adaptive interval that the heartbeat handlers share. `networkChanged()` resets the interval. @default none */
  readonly adaptive?: { reset(): void };
  /** Signal that closes the client. */
  readonly signal?: AbortSignal;
  /** Receives the errors of listeners, and of writes whose futures were not observed. @default stderrLogger() */
  readonly logger?: Logger;
  /** Clock of the client. @default systemClock */
  readonly clock?: Clock;
  /** Returns a random number in [0, 1). @default Math.random */
  readonly random?: () => number;
}

const OPTIONS = describeOptions('ReconnectingClient', {
  bootstrap: CONNECTOR,
  addresses: value(
    'a non-empty list of places, or a function',
    (given: unknown) => (Array.isArray(given) ? given.length > 0 : typeof given === 'function'),
    { required: true },
  ),
  order: choice(['shuffle', 'given']),
  balance: having('connectionsTo', 'a PlaceBalance'),
  raceMs: time({ default: 250 }),
  connectTimeoutMs: time({ default: 10_000 }),
  ready: fn({ answers: 'async', purpose: 'makes a connection usable' }),
  readyTimeoutMs: time({ default: 10_000 }),
  retry: fn({
    answers: 'sync',
    takes: 2,
    purpose: 'gives the next delay',
    default: spread(),
  }),
  stableMs: number({ default: 10_000 }),
  shouldRetry: fn({ answers: 'sync', purpose: 'decides on a loss', default: () => true }),
  budget: having('reserve', 'a RetryBudget'),
  offline: unchecked({ default: {} }),
  adaptive: having('reset', 'an AdaptiveInterval'),
  signal: unchecked(),
  logger: LOGGER,
  clock: CLOCK,
  random: RANDOM,
});

/** The checked options, with their defaults. */
export interface ReconnectSettings<P, C extends Channel>
  extends Resolved<ReconnectingClientOptions<P, C>, typeof OPTIONS.kinds> {
  readonly logger: Logger;
  readonly order: AddressOrder;
  /** Time that a connect runs alone before the next place joins. */
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
    checkConnectPlaces('addresses', addresses);
  }
  const ownOrder = typeof addresses === 'function' ? addresses.addressOrder : undefined;
  const order = settings.order ?? ownOrder ?? 'shuffle';
  const isAsked = options.raceMs !== undefined;
  // Other connectors can resolve their own names, which DNS does not know.
  const isRace = Number.isFinite(raceMs) && (isOurs || isAsked) && bootstrap.findsNames !== true;
  const connector = isRace ? new RacingConnector<P, C>(bootstrap, raceMs, clock) : bootstrap;
  // A faster place that comes later in the given order must not win.
  const placeRaceMs = ownOrder === 'given' && !isAsked ? Number.POSITIVE_INFINITY : raceMs;
  return { ...settings, bootstrap: connector, logger, order, placeRaceMs };
}

/** Returns a place as text, for errors. */
export function textOfPlace(place: unknown): string {
  if (typeof place !== 'object' || place === null || place instanceof URL) return textOf(place);
  const { port, path, network, transport } = place as Record<string, unknown>;
  const isPlace = (port ?? path ?? network ?? transport) !== undefined;
  return isPlace ? placeText(place as ConnectPlace) : 'a place';
}
