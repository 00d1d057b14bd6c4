import {
  Bootstrap,
  type Channel,
  type Clock,
  type ConnectPlace,
  type Logger,
  stderrLogger,
  systemClock,
} from '@headrace/core';
import {
  checkConnectPlace,
  checkFunction,
  checkNumber,
  checkOptions,
  checkTime,
  type KnownOptions,
  placeText,
  textOf,
} from '@headrace/core/authoring';
import type { AddressOrder } from '../address/address-ring.ts';
import type { Addresses } from '../address/address-source.ts';
import { type Connector, RacingConnector } from '../address/racing-connector.ts';
import type { RetryBudget } from '../retry/retry-budget.ts';
import type { RetryPolicy } from '../retry/retry-policy.ts';
import { spread } from '../retry/spread.ts';
import type { OfflineOptions } from './offline-queue.ts';
import type { ShouldRetry } from './reconnect-machine.ts';

/** Options of a {@link ReconnectingClient}. Times are in milliseconds. */
export interface ReconnectingClientOptions<P = ConnectPlace, C extends Channel = Channel> {
  /** Connects; a `Bootstrap` whose `handler` is a function, so that each connection gets handlers of its own. */
  readonly bootstrap: Connector<NoInfer<P>, C>;
  /** Where to: a list, or a function that is asked before each round through them; see `httpAddresses`. */
  readonly addresses: Addresses<P>;
  /** `shuffle`: once per client, then in turn; `given`: as they come. A place that failed goes to the end. @default 'shuffle' */
  readonly order?: AddressOrder;
  /**
   * The IP addresses of one name, families in turn, start so far apart; the first that connects wins (RFC 8305).
   * `false`: Node's way. @default 250 with core's Bootstrap, false with others
   */
  readonly raceMs?: number | false;
  /** How long finding the places may take, and how long connecting to one. @default 10000 */
  readonly connectTimeoutMs?: number | false;
  /** Makes a new connection usable: a sign-in, a subscription. When it resolves, the client is online. @default none */
  readonly ready?: (channel: C) => unknown;
  /** How long `ready` may take. @default 10000 */
  readonly readyTimeoutMs?: number | false;
  /** When to try again. @default spread() */
  readonly retry?: RetryPolicy;
  /** Online for so long, the next loss begins anew: with the first try of `retry`. @default 10000 */
  readonly stableMs?: number;
  /** Whether to try again after this loss; `{ afterMs }`: yes, after this time and not that of `retry`. @default always */
  readonly shouldRetry?: ShouldRetry<P>;
  /** Shared by the clients of a process: so many tries in all, the ones at `start()` not counted. @default none */
  readonly budget?: RetryBudget;
  /** What becomes of writes while there is no connection. @default they wait, within limits */
  readonly offline?: OfflineOptions;
  /** Reset by `networkChanged()`: the one that the heartbeat handlers share. */
  readonly adaptive?: { reset(): void };
  /** Closes the client. */
  readonly signal?: AbortSignal;
  /** Gets the failures of listeners, and of writes that nobody looked at. @default stderrLogger() */
  readonly logger?: Logger;
  /** @default systemClock */
  readonly clock?: Clock;
  /** Chance, in [0, 1). @default Math.random */
  readonly random?: () => number;
}

const OPTIONS: KnownOptions<ReconnectingClientOptions> = {
  bootstrap: true,
  addresses: true,
  order: true,
  raceMs: true,
  connectTimeoutMs: true,
  ready: true,
  readyTimeoutMs: true,
  retry: true,
  stableMs: true,
  shouldRetry: true,
  budget: true,
  offline: true,
  adaptive: true,
  signal: true,
  logger: true,
  clock: true,
  random: true,
};

const DEFAULTS = {
  order: 'shuffle',
  raceMs: 250,
  connectTimeoutMs: 10_000,
  readyTimeoutMs: 10_000,
  stableMs: 10_000,
} as const;

/** Options, checked, with their defaults. */
export interface ReconnectSettings<P, C extends Channel> {
  readonly connector: Connector<P, C>;
  readonly order: AddressOrder;
  readonly connectTimeoutMs: number;
  readonly ready: ((channel: C) => unknown) | undefined;
  readonly readyTimeoutMs: number;
  readonly retry: RetryPolicy;
  readonly stableMs: number;
  readonly shouldRetry: ShouldRetry<P>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
}

export function reconnectSettings<P, C extends Channel>(
  options: ReconnectingClientOptions<P, C>,
): ReconnectSettings<P, C> {
  checkOptions('ReconnectingClient', options, OPTIONS as KnownOptions<typeof options>);
  const { bootstrap, addresses, ready, retry = spread(), shouldRetry = () => true } = options;
  checkFunction('bootstrap.connect', (bootstrap as Partial<typeof bootstrap>)?.connect);
  if (ready !== undefined) checkFunction('ready', ready);
  checkFunction('retry', retry);
  checkFunction('shouldRetry', shouldRetry);
  if (bootstrap instanceof Bootstrap && Array.isArray(addresses)) {
    for (const place of addresses) checkConnectPlace(place);
  }
  const clock = options.clock ?? systemClock;
  return {
    connector: connectorOf(options, clock),
    order: options.order ?? DEFAULTS.order,
    connectTimeoutMs: timeOf(options, 'connectTimeoutMs'),
    ready,
    readyTimeoutMs: timeOf(options, 'readyTimeoutMs'),
    retry,
    stableMs: checkNumber('stableMs', options.stableMs ?? DEFAULTS.stableMs),
    shouldRetry,
    logger: options.logger ?? stderrLogger(),
    clock,
    random: options.random ?? Math.random,
  };
}

/** A place as text, for errors. */
export function textOfPlace(place: unknown): string {
  if (typeof place !== 'object' || place === null || place instanceof URL) return textOf(place);
  const isPlace = 'port' in place || 'path' in place || 'network' in place || 'transport' in place;
  return isPlace ? placeText(place as ConnectPlace) : 'a place';
}

function connectorOf<P, C extends Channel>(
  { bootstrap, raceMs }: ReconnectingClientOptions<P, C>,
  clock: Clock,
): Connector<P, C> {
  // Others may have names of their own, which no DNS knows.
  const defaultMs = bootstrap instanceof Bootstrap ? DEFAULTS.raceMs : false;
  const apartMs = checkTime('raceMs', raceMs ?? defaultMs);
  return Number.isFinite(apartMs) ? new RacingConnector(bootstrap, apartMs, clock) : bootstrap;
}

function timeOf(
  options: { readonly [K in 'connectTimeoutMs' | 'readyTimeoutMs']?: number | false },
  name: 'connectTimeoutMs' | 'readyTimeoutMs',
): number {
  return checkTime(name, options[name] ?? DEFAULTS[name]);
}
