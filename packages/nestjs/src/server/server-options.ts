import type { BindTarget, ChildOptions } from '@headrace/core';
import {
  checkFunction,
  checkNumber,
  checkObject,
  checkOptions,
  checkTime,
  type KnownOptions,
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
  /** From the connection's start to the yes. @default 10_000 */
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
  /** @default HEADRACE */
  readonly transportId?: symbol;
  /** Nest's: what an answer looks like before the codec gets it. @default as it is */
  readonly serializer?: Serializer;
  /** Nest's: makes a packet of what the codec read. @default as it is */
  readonly deserializer?: Deserializer;
}

const OPTIONS: KnownOptions<HeadraceServerOptions> = {
  ...WIRE_OPTIONS,
  bind: true,
  authenticate: true,
  authTimeoutMs: true,
  connections: true,
  maxRequests: true,
  maxEvents: true,
  idleMs: true,
  drainTimeoutMs: true,
  channel: true,
  transportId: true,
  serializer: true,
  deserializer: true,
};

const DEFAULTS = {
  authTimeoutMs: 10_000,
  maxRequests: 1024,
  maxEvents: 256,
  idleMs: false,
  drainTimeoutMs: 10_000,
} as const;

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

/** @throws OptionError if an option makes no sense */
export function serverSettings(options: HeadraceServerOptions): ServerSettings {
  checkOptions('HeadraceServer', options, OPTIONS);
  const { bind, authenticate, connections = {}, channel = {}, logger, clock } = options;
  const { authTimeoutMs, maxRequests, maxEvents, idleMs, drainTimeoutMs } = {
    ...DEFAULTS,
    ...options,
  };
  checkObject('bind', bind, 'where to listen, such as { host: "127.0.0.1", port: 3000 }');
  if (authenticate !== undefined)
    checkFunction('authenticate', authenticate, 'decides on credentials');
  if (options.framing === 'nest-tcp') refuseWithNestTcp('authenticate', authenticate);
  checkTime('authTimeoutMs', authTimeoutMs);
  checkTime('idleMs', idleMs);
  return {
    ...wireSettings(options),
    bind,
    authenticate,
    authTimeoutMs,
    connections,
    maxRequests: checkNumber('maxRequests', maxRequests, { min: 1, integer: true }),
    maxEvents: checkNumber('maxEvents', maxEvents, { min: 1, integer: true }),
    idleMs,
    drainTimeoutMs: checkNumber('drainTimeoutMs', drainTimeoutMs),
    channel: {
      maxOutboundBytes: MAX_OUTBOUND_BYTES,
      ...channel,
      ...(logger && { logger }),
      ...(clock && { clock }),
    },
  };
}
