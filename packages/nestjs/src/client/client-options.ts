import type { Addresses, AddressOrder, RetryPolicy, ShouldRetry } from '@headrace/client';
import { type ClientOptions, type Clock, type ConnectPlace, systemClock } from '@headrace/core';
import { choice, describeOptions, time, unchecked, whole } from '@headrace/core/authoring';
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
  /** Where the servers are: `{ host, port }`, `{ path }`, each with `tls` if you like; a list, or a function that finds them. */
  readonly servers: Addresses<ConnectPlace>;
  /** `shuffle`: once per client, then in turn; `given`: as they come. @default 'shuffle' */
  readonly order?: AddressOrder;
  /** Connections at a time; a packet goes to the one with the fewest requests under way. @default 1 */
  readonly connections?: number;
  /** The credentials for the server's `authenticate`; a function is called for each connection. @default no sign-in */
  readonly credentials?: unknown;
  /** When to try again after a loss: `spread()`, `fixed(ms)`, `exponential()`, or one of your own. @default spread() */
  readonly retry?: RetryPolicy;
  /** Whether to try again after this loss. @default always */
  readonly shouldRetry?: ShouldRetry<ConnectPlace>;
  /** How long one try to connect may take. @default 10_000 */
  readonly connectTimeoutMs?: number | false;
  /**
   * Without a connection a packet waits for one, within its time and in order (`wait`), or fails as soon as a try to
   * connect has failed (`fail`). @default 'wait'
   */
  readonly whenOffline?: 'wait' | 'fail';
  /** From `send` to the first answer, from `emit` to the kernel, and how long `connect()` waits. @default 10_000 */
  readonly timeoutMs?: number | false;
  /** Between two answers to one request. @default false */
  readonly gapTimeoutMs?: number | false;
  /** Requests of one connection without their last answer; others wait. @default 512 */
  readonly maxInFlight?: number;
  /** Requests and events that wait; one more fails with `REJECTED_QUEUE`. @default 1024 */
  readonly maxQueued?: number;
  /** More options of the connections: limits of their output, socket options. @default { maxOutboundBytes: 16_777_216 } (16 MiB) */
  readonly channel?: ClientOptions;
  /** Nest's: what a packet looks like before the codec gets it. @default as it is */
  readonly serializer?: Serializer;
  /** Nest's: makes an answer of what the codec read. @default as it is */
  readonly deserializer?: Deserializer;
}

const OPTIONS = describeOptions(
  'HeadraceClient',
  {
    // The ReconnectingClient checks these.
    servers: unchecked(),
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

/** Options, checked, with their defaults. */
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

/** @throws OptionError if an option is not valid */
export function clientSettings(options: HeadraceClientOptions): ClientSettings {
  const resolved = OPTIONS.resolve(options);
  const { logger, clock = systemClock, framing } = options;
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
