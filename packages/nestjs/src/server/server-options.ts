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

/** An authenticator's answer: who it is, or why not. The reason stays in the server's log. */
export type SignInVerdict = { readonly principal: unknown } | { readonly refused: string };

/** Options of a {@link HeadraceServer}. Times are in milliseconds, and those of one connection unless stated otherwise. */
export interface HeadraceServerOptions extends WireOptions {
  /** Where to listen: `{ port, host }`, `{ path }`, each with `tls` if you like, or a name in a network in memory. */
  readonly bind: BindTarget;
  /**
   * Decides on the `credentials` of a client, at once or later; before its yes no packet passes. A throw counts as
   * no. @default none, everybody is welcome
   */
  readonly authenticate?: (
    credentials: unknown,
    attempt: AuthAttempt,
  ) => SignInVerdict | PromiseLike<SignInVerdict>;
  /** From the connection's start until the peer is authenticated. @default 10_000 */
  readonly authTimeoutMs?: number | false;
  /** Connections in total and for each address. @default 100_000 and 1000 */
  readonly connections?: ConnectionLimitOptions;
  /** Requests that are open or whose function runs; one more is answered with an error. @default 1024 */
  readonly maxRequests?: number;
  /** Events whose function runs; while there are as many, nothing more is read. @default 256 */
  readonly maxEvents?: number;
  /** A connection without a packet in either direction for so long is ended; heartbeats do not count. @default false */
  readonly idleMs?: number | false;
  /** How long `close()` waits for requests and events under way, on all connections. @default 10_000 */
  readonly drainTimeoutMs?: number;
  /** More options of the accepted channels: limits of their output, socket options. @default { maxOutboundBytes: 16_777_216 } (16 MiB) */
  readonly channel?: ChildOptions;
  /** Nest's: the transport of handlers that name one. @default HEADRACE */
  readonly transportId?: symbol;
  /** Nest's: what an answer looks like before the codec gets it. @default as it is */
  readonly serializer?: Serializer;
  /** Nest's: makes a packet of what the codec read. @default as it is */
  readonly deserializer?: Deserializer;
}

const OPTIONS = describeOptions(
  'HeadraceServer',
  {
    bind: object('where to listen, such as { host: "127.0.0.1", port: 3000 }', { required: true }),
    authenticate: fn({ answers: 'a promise', purpose: 'decides on credentials' }),
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

/** Options, checked, with their defaults. */
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

/** @throws OptionError if an option is not valid */
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

/** As the options of handlers have it. */
function offAsFalse(timeMs: number): number | false {
  return timeMs === Number.POSITIVE_INFINITY ? false : timeMs;
}
