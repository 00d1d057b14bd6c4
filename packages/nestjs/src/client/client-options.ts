import type { Addresses, AddressOrder, RetryPolicy, ShouldRetry } from '@headrace/client';
import { type ClientOptions, type Clock, type ConnectPlace, systemClock } from '@headrace/core';
import {
  checkConnectPlaces,
  choice,
  describeOptions,
  time,
  unchecked,
  value,
  whole,
} from '@headrace/core/authoring';
import type { Deserializer, Serializer } from '@nestjs/microservices';
import {
  MAX_OUTBOUND_BYTES,
  refuseWithNestTcp,
  WIRE_OPTIONS,
  type WireOptions,
  type WireSettings,
  wireSettings,
} from '../wire/wire-options.ts';

/** Options of a {@link HeadraceClient}. Times are in milliseconds. */
export interface HeadraceClientOptions extends WireOptions {
  /**
   * Addresses of the servers: a list of `{ host, port }` or `{ path }`, each with an optional `tls`, or a function that
   * returns them.
   */
  readonly servers: Addresses<ConnectPlace>;
  /**
   * Order of the servers. `shuffle` shuffles the list once per client, and `given` keeps its order. Servers that have failed
   * more often come later.
   * @default 'shuffle'
   */
  readonly order?: AddressOrder;
  /** Number of connections. A packet is sent over the connection with the fewest pending requests. @default 1 */
  readonly connections?: number;
  /**
   * Credentials for the server's `authenticate`. If the value is a function, the client calls it for each connection.
   * @default no sign-in
   */
  readonly credentials?: unknown;
  /**
   * Policy that sets the time of the next attempt after a loss: `spread()`, `fixed(ms)`, `exponential()`, or your own.
   * @default spread()
   */
  readonly retry?: RetryPolicy;
  /** Function that decides whether to try again after a loss. @default always */
  readonly shouldRetry?: ShouldRetry<ConnectPlace>;
  /** Time limit for one attempt to connect. @default 10_000 */
  readonly connectTimeoutMs?: number | false;
  /**
   * Behavior of a packet without a connection. `wait` keeps the packet until a connection exists, in order and within the
   * packet's time limit. `fail` fails the packet as soon as an attempt to connect has failed.
   * @default 'wait'
   */
  readonly whenOffline?: 'wait' | 'fail';
  /**
   * Time limit from `send` to the first answer, from `emit` until the kernel accepts the event, and for `connect()`.
   * @default 10_000
   */
  readonly timeoutMs?: number | false;
  /** Time limit between two answers to one request. @default false */
  readonly gapTimeoutMs?: number | false;
  /** Maximum number of requests of one connection that wait for their last answer. Further requests wait. @default 512 */
  readonly maxInFlight?: number;
  /** Maximum number of waiting requests and events. Further requests and events fail with `REJECTED_QUEUE`. @default 1024 */
  readonly maxQueued?: number;
  /**
   * Further options of the connections, such as output limits and socket options.
   * @default { maxOutboundBytes: 16_777_216 } (16 MiB)
   */
  readonly channel?: ClientOptions;
  /** Nest's serializer, which converts a packet before the codec encodes it. @default no conversion */
  readonly serializer?: Serializer;
  /** Nest's deserializer, which converts a decoded value into an answer. @default no conversion */
  readonly deserializer?: Deserializer;
}

const OPTIONS = describeOptions(
  'HeadraceClient',
  {
    servers: value(
      'a non-empty list of servers, or a function that finds them',
      (given: unknown) => (Array.isArray(given) ? given.length > 0 : typeof given === 'function'),
      { required: true },
    ),
    // The ReconnectingClient checks the following options.
    order: unchecked(),
    retry: unchecked(),
    shouldRetry: unchecked(),
    connectTimeoutMs: unchecked(),
    connections: whole({ min: 1, max: 10_000, default: 1 }),
    credentials: unchecked(),
    whenOffline: choice(['wait', 'fail'], { default: 'wait' }),
    timeoutMs: time({ default: 10_000 }),
    gapTimeoutMs: time({ default: false }),
    maxInFlight: whole({ min: 1, default: 512 }),
    maxQueued: whole({ default: 1024 }),
    channel: unchecked({ default: {} }),
    serializer: unchecked(),
    deserializer: unchecked(),
  },
  WIRE_OPTIONS,
);

/** The checked options, with their defaults. */
export interface ClientSettings extends WireSettings {
  readonly given: HeadraceClientOptions;
  readonly connections: number;
  readonly whenOffline: 'wait' | 'fail';
  readonly timeoutMs: number;
  readonly gapTimeoutMs: number;
  readonly maxInFlight: number;
  readonly maxQueued: number;
  readonly channel: ClientOptions;
  readonly clock: Clock;
}

/**
 * Checks the options of a client.
 *
 * @throws OptionError if an option is not valid
 */
export function clientSettings(options: HeadraceClientOptions): ClientSettings {
  const resolved = OPTIONS.resolve(options);
  const { logger, clock = systemClock, framing, servers } = options;
  if (typeof servers !== 'function') checkConnectPlaces('servers', servers);
  if (framing === 'nest-tcp') refuseWithNestTcp('credentials', resolved.credentials);
  return {
    ...resolved,
    ...wireSettings(options),
    given: options,
    channel: {
      maxOutboundBytes: MAX_OUTBOUND_BYTES,
      ...resolved.channel,
      ...(logger && { logger }),
      clock,
    },
    clock,
  };
}
