import type { Channel, Clock } from '@headrace/core';
import {
  CLOCK,
  checkNumber,
  choice,
  custom,
  describeOptions,
  flag,
  fn,
  number,
  type Resolved,
  time,
  unchecked,
  whole,
} from '@headrace/core/authoring';
import { CONNECTOR, type Connector } from '../address/connector.ts';

/** Options of a {@link ChannelPool}. Times are in milliseconds. */
export interface ChannelPoolOptions<P, C extends Channel = Channel> {
  /** Connects: a `Bootstrap`, or another object with its `connect`. */
  readonly bootstrap: Connector<NoInfer<P>, C>;
  /** The place that it connects to. */
  readonly place: P;
  /** The number of connections that stay open when they are idle, see `warm`. @default 0 */
  readonly min?: number;
  /** The most connections, connects under way included. @default 10 */
  readonly max?: number;
  /** The most callers that may wait for a connection; one more fails with `REJECTED_QUEUE`. @default 1000 */
  readonly maxWaiting?: number;
  /** How long a caller may wait for a connection, its connect included; `false` for no limit. @default 10000 */
  readonly acquireTimeoutMs?: number | false;
  /**
   * The action after that time: `fail` with `TIMEOUT_ACQUIRE`, or open a `new` connection above `max`, which is closed when it
   * comes back.
   * @default 'fail'
   */
  readonly onTimeout?: 'fail' | 'new';
  /**
   * The idle connection to use first: the newest (`lifo`), so that the others can become idle and close, or the oldest.
   * @default 'lifo'
   */
  readonly order?: 'lifo' | 'fifo';
  /** The idle time after which a connection is closed; `false` for no limit. @default 60000 */
  readonly idleMs?: number | false;
  /** The age after which a connection is not used again. @default Infinity */
  readonly maxAgeMs?: number;
  /** The number of uses after which a connection is not used again. @default Infinity */
  readonly maxUses?: number;
  /**
   * Decides whether an active connection may be used; a throw, a rejection and no answer within `acquireTimeoutMs` mean no.
   * @default yes
   */
  readonly healthCheck?: (channel: C) => boolean | PromiseLike<boolean>;
  /** Calls `healthCheck` when a connection comes back, too. @default true */
  readonly checkOnRelease?: boolean;
  /** Called when a connection was made. */
  readonly onCreated?: (channel: C) => void;
  /** Called when a connection is given to a user; a throw fails that `acquire`, and closes the connection. */
  readonly onAcquired?: (channel: C) => void;
  /** Called when a connection came back. */
  readonly onReleased?: (channel: C) => void;
  /** @default systemClock */
  readonly clock?: Clock;
}

const POSITIVE_TIME = time();
/** 0 is allowed, too: only an idle connection is good enough. */
const ACQUIRE_TIME = custom(
  'a number of milliseconds from 0, or false for off',
  (name, given: number | false) => (given === 0 ? 0 : POSITIVE_TIME.check(name, given)),
  { default: 10_000 },
  true,
);
const OPTIONS = describeOptions('ChannelPool', {
  bootstrap: CONNECTOR,
  place: unchecked({ required: true }),
  min: whole({ default: 0 }),
  max: whole({ min: 1, default: 10 }),
  maxWaiting: whole({ default: 1000 }),
  acquireTimeoutMs: ACQUIRE_TIME,
  onTimeout: choice(['fail', 'new'], { default: 'fail' }),
  order: choice(['lifo', 'fifo'], { default: 'lifo' }),
  idleMs: time({ default: 60_000 }),
  maxAgeMs: number({ min: 1, default: Number.POSITIVE_INFINITY }),
  maxUses: number({ min: 1, default: Number.POSITIVE_INFINITY }),
  healthCheck: fn({ answers: 'a promise', purpose: 'checks a connection' }),
  checkOnRelease: flag({ default: true }),
  onCreated: fn({ answers: 'nothing', purpose: 'takes a connection' }),
  onAcquired: fn({ answers: 'a promise', purpose: 'takes a connection' }),
  onReleased: fn({ answers: 'nothing', purpose: 'takes a connection' }),
  clock: CLOCK,
});

/** The options of a pool, checked, with their defaults; `Infinity` stands for off. */
export type PoolRules<P, C extends Channel> = Resolved<
  ChannelPoolOptions<P, C>,
  typeof OPTIONS.kinds
>;

export function poolRules<P, C extends Channel>(
  options: ChannelPoolOptions<P, C>,
): PoolRules<P, C> {
  const rules = OPTIONS.resolve(options as object as ChannelPoolOptions<unknown>);
  checkNumber('min', rules.min, { max: rules.max, integer: true });
  return rules as unknown as PoolRules<P, C>;
}
