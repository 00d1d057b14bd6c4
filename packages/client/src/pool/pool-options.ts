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
  /** Connector, for example a `Bootstrap`. */
  readonly bootstrap: Connector<NoInfer<P>, C>;
  /** Place to connect to. */
  readonly place: P;
  /** Number of connections that stay open when idle, see `warm`. @default 0 */
  readonly min?: number;
  /** Maximum number of connections, including connects under way. @default 10 */
  readonly max?: number;
  /** Maximum number of callers that wait for a connection. Further calls fail with `REJECTED_QUEUE`. @default 1000 */
  readonly maxWaiting?: number;
  /** Maximum time that a caller waits for a connection, including its connect; `false` for no limit. @default 10000 */
  readonly acquireTimeoutMs?: number | false;
  /**
   * Action after `acquireTimeoutMs`: `fail` fails with `TIMEOUT_ACQUIRE`. `new` opens a connection above `max`, which closes when
   * it is released.
   * @default 'fail'
   */
  readonly onTimeout?: 'fail' | 'new';
  /**
   * Idle connection that is used first: the newest (`lifo`), so that the others can become idle and close, or the oldest.
   * @default 'lifo'
   */
  readonly order?: 'lifo' | 'fifo';
  /** Time after which an idle connection closes; `false` for no limit. @default 60000 */
  readonly idleMs?: number | false;
  /** Age after which a connection is not used again. @default Infinity */
  readonly maxAgeMs?: number;
  /** Number of uses after which a connection is not used again. @default Infinity */
  readonly maxUses?: number;
  /**
   * Decides whether an active connection is usable. A function that throws, rejects or does not answer within `acquireTimeoutMs`
   * means no.
   * @default yes
   */
  readonly healthCheck?: (channel: C) => boolean | PromiseLike<boolean>;
  /** Whether `healthCheck` is also called when a connection is released. @default true */
  readonly checkOnRelease?: boolean;
  /** Called when a connection was created. */
  readonly onCreated?: (channel: C) => void;
  /** Called when a user acquires a connection. If the function throws, this `acquire` fails and the connection closes. */
  readonly onAcquired?: (channel: C) => void;
  /** Called when a connection was released. */
  readonly onReleased?: (channel: C) => void;
  /** Clock of the pool. @default systemClock */
  readonly clock?: Clock;
}

const POSITIVE_TIME = time();
/** The value 0 is also allowed, and accepts only an idle connection. */
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
  healthCheck: fn({ answers: 'async', purpose: 'checks a connection' }),
  checkOnRelease: flag({ default: true }),
  onCreated: fn({ answers: 'void', purpose: 'takes a connection' }),
  onAcquired: fn({ answers: 'async', purpose: 'takes a connection' }),
  onReleased: fn({ answers: 'void', purpose: 'takes a connection' }),
  clock: CLOCK,
});

/** The checked options of a pool, with their defaults; `Infinity` means off. */
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
