import type { BindTarget, ChildOptions } from '@headrace/core';
import {
  describeOptions,
  fn,
  number,
  object,
  time,
  unchecked,
  whole,
} from '@headrace/core/authoring';
import type { AuthAttempt, ConnectionLimitOptions } from '@headrace/handlers';
import type { Deserializer, Serializer } from '@nestjs/microservices';
import {
  MAX_OUTBOUND_BYTES,
  refuseWithNestTcp,
  WIRE_OPTIONS,
  type WireOptions,
  type WireSettings,
  wireSettings,
} from '../wire/wire-options.ts';

/**
 * The result of `authenticate`: the principal, or the reason for a refusal. The reason is written only to the server's log, at
 * level `debug`.
 */
export type SignInVerdict = { readonly principal: unknown } | { readonly refused: string };

/** Options of a {@link HeadraceServer}. Times are in milliseconds. Limits are per connection unless stated otherwise. */
export interface HeadraceServerOptions extends WireOptions {
  /**
   * Place where the server listens: `{ port, host }` or `{ path }`, each with an optional `tls`, or a name in a network in
   * memory.
   */
  readonly bind: BindTarget;
  /**
   * Called with the `credentials` of a client. Returns a verdict, or a promise of a verdict. No packet passes before the
   * client is accepted. If the function throws or rejects, the client is refused.
   * @default none, which accepts every client
   */
  readonly authenticate?: (
    credentials: unknown,
    attempt: AuthAttempt,
  ) => SignInVerdict | PromiseLike<SignInVerdict>;
  /** Time limit from the connection's start until the peer is authenticated. @default 10_000 */
  readonly authTimeoutMs?: number | false;
  /** Maximum number of connections, in total and for each address. @default 100_000 and 1000 */
  readonly connections?: ConnectionLimitOptions;
  /**
   * Maximum number of requests that are open or whose function runs. A further request is answered with an error.
   * @default 1024
   */
  readonly maxRequests?: number;
  /** Maximum number of events whose function runs. At the maximum, the server holds reads of the connection. @default 256 */
  readonly maxEvents?: number;
  /**
   * Maximum time without a packet in either direction. After that the connection is closed. Heartbeats do not count as
   * packets.
   * @default false
   */
  readonly idleMs?: number | false;
  /** Maximum time that `close()` waits for pending requests and events of all connections. @default 10_000 */
  readonly drainTimeoutMs?: number;
  /**
   * Further options of the accepted channels, such as output limits and socket options.
   * @default { maxOutboundBytes: 16_777_216 } (16 MiB)
   */
  readonly channel?: ChildOptions;
  /** Nest's transport id, for handlers that name a transport. @default HEADRACE */
  readonly transportId?: symbol;
  /** Nest's serializer, which converts an answer before the codec encodes it. @default no conversion */
  readonly serializer?: Serializer;
  /** Nest's deserializer, which converts a decoded value into a packet. @default no conversion */
  readonly deserializer?: Deserializer;
}

const OPTIONS = describeOptions(
  'HeadraceServer',
  {
    bind: object('where to listen, such as { host: "127.0.0.1", port: 3000 }', { required: true }),
    authenticate: fn({ answers: 'async', purpose: 'decides on credentials' }),
    authTimeoutMs: time({ default: 10_000 }),
    connections: unchecked({ default: {} }),
    maxRequests: whole({ min: 1, default: 1024 }),
    maxEvents: whole({ min: 1, default: 256 }),
    idleMs: time({ default: false }),
    drainTimeoutMs: number({ default: 10_000 }),
    channel: unchecked({ default: {} }),
    transportId: unchecked(),
    serializer: unchecked(),
    deserializer: unchecked(),
  },
  WIRE_OPTIONS,
);

/** The checked options, with their defaults. */
export interface ServerSettings extends WireSettings {
  readonly bind: BindTarget;
  readonly authenticate: HeadraceServerOptions['authenticate'];
  readonly authTimeoutMs: number | false;
  readonly connections: ConnectionLimitOptions;
  readonly maxRequests: number;
  readonly maxEvents: number;
  readonly idleMs: number | false;
  readonly drainTimeoutMs: number;
  readonly channel: ChildOptions;
}

/**
 * Checks the options of a server.
 *
 * @throws OptionError if an option is not valid
 */
export function serverSettings(options: HeadraceServerOptions): ServerSettings {
  const resolved = OPTIONS.resolve(options);
  const { logger, clock, framing } = options;
  if (framing === 'nest-tcp') refuseWithNestTcp('authenticate', resolved.authenticate);
  return {
    ...resolved,
    ...wireSettings(options),
    authTimeoutMs: offAsFalse(resolved.authTimeoutMs),
    idleMs: offAsFalse(resolved.idleMs),
    channel: {
      maxOutboundBytes: MAX_OUTBOUND_BYTES,
      ...resolved.channel,
      ...(logger && { logger }),
      ...(clock && { clock }),
    },
  };
}

/** Returns a time as the options of handlers expect it, with `false` in place of `Infinity`. */
function offAsFalse(timeMs: number): number | false {
  return timeMs === Number.POSITIVE_INFINITY ? false : timeMs;
}
