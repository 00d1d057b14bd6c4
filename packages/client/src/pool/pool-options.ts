import { type Channel, type Clock, systemClock } from '@headrace/core';
import {
  checkChoice,
  checkFunction,
  checkNumber,
  checkOptions,
  checkTime,
  type KnownOptions,
} from '@headrace/core/authoring';
import type { Connector } from '../address/racing-connector.ts';

/** Options of a {@link ChannelPool}. Times are in milliseconds. */
export interface ChannelPoolOptions<P, C extends Channel = Channel> {
  /** Connects: a `Bootstrap`, or anything like it. */
  readonly bootstrap: Connector<NoInfer<P>, C>;
  /** Where to. */
  readonly place: P;
  /** So many stay open when they are idle, see `warm`. @default 0 */
  readonly min?: number;
  /** So many at most, those on their way included. @default 10 */
  readonly max?: number;
  /** So many may wait for a connection; one more fails with `REJECTED_QUEUE`. @default 1000 */
  readonly maxWaiting?: number;
  /** How long a connection may be waited for, its connect included; `false` for as long as it takes. @default 10000 */
  readonly acquireTimeoutMs?: number | false;
  /** After that time: `fail` with `TIMEOUT_ACQUIRE`, or open a `new` connection above `max`, closed when it comes back. @default 'fail' */
  readonly onTimeout?: 'fail' | 'new';
  /** Which idle connection is used first: the newest, `lifo`, so that the others may go, or the oldest. @default 'lifo' */
  readonly order?: 'lifo' | 'fifo';
  /** One that was idle for so long is closed; `false` keeps it. @default 60000 */
  readonly idleMs?: number | false;
  /** One that is so old is not used again. @default Infinity */
  readonly maxAgeMs?: number;
  /** One that was used so often is not used again. @default Infinity */
  readonly maxUses?: number;
  /**
   * Whether a connection may be used, asked in addition to its being active; a throw, a rejection and no answer
   * within `acquireTimeoutMs` mean no. @default yes
   */
  readonly healthCheck?: (channel: C) => boolean | PromiseLike<boolean>;
  /** Ask `healthCheck` also when a connection comes back. @default true */
  readonly checkOnRelease?: boolean;
  /** A connection was made. */
  readonly onCreated?: (channel: C) => void;
  /** A connection is given out; a throw fails that `acquire`, and closes it. */
  readonly onAcquired?: (channel: C) => void;
  /** A connection came back. */
  readonly onReleased?: (channel: C) => void;
  /** @default systemClock */
  readonly clock?: Clock;
}

const OPTIONS: KnownOptions<ChannelPoolOptions<unknown>> = {
  bootstrap: true,
  place: true,
  min: true,
  max: true,
  maxWaiting: true,
  acquireTimeoutMs: true,
  onTimeout: true,
  order: true,
  idleMs: true,
  maxAgeMs: true,
  maxUses: true,
  healthCheck: true,
  checkOnRelease: true,
  onCreated: true,
  onAcquired: true,
  onReleased: true,
  clock: true,
};

const DEFAULTS = {
  min: 0,
  max: 10,
  maxWaiting: 1000,
  acquireTimeoutMs: 10_000,
  onTimeout: 'fail',
  order: 'lifo',
  idleMs: 60_000,
  maxAgeMs: Number.POSITIVE_INFINITY,
  maxUses: Number.POSITIVE_INFINITY,
  checkOnRelease: true,
} as const;

const FUNCTIONS = ['healthCheck', 'onCreated', 'onAcquired', 'onReleased'] as const;

/** The rules of a pool: its options, checked, with their defaults; what is off is `Infinity`. */
export interface PoolRules {
  readonly min: number;
  readonly max: number;
  readonly maxWaiting: number;
  readonly acquireTimeoutMs: number;
  readonly onTimeout: 'fail' | 'new';
  readonly order: 'lifo' | 'fifo';
  readonly idleMs: number;
  readonly maxAgeMs: number;
  readonly maxUses: number;
  readonly checkOnRelease: boolean;
  readonly clock: Clock;
}

export function poolRules<P, C extends Channel>(options: ChannelPoolOptions<P, C>): PoolRules {
  checkOptions('ChannelPool', options, OPTIONS as KnownOptions<typeof options>);
  checkFunction(
    'bootstrap.connect',
    (options.bootstrap as Partial<typeof options.bootstrap>)?.connect,
  );
  for (const name of FUNCTIONS) {
    if (options[name] !== undefined) checkFunction(name, options[name]);
  }
  const { min, max, maxWaiting, acquireTimeoutMs, onTimeout, order, idleMs, maxAgeMs, maxUses } = {
    ...DEFAULTS,
    ...options,
  };
  checkNumber('max', max, { min: 1, integer: true });
  return {
    min: checkNumber('min', min, { max, integer: true }),
    max,
    maxWaiting: checkNumber('maxWaiting', maxWaiting, { integer: true }),
    acquireTimeoutMs: acquireTimeoutMs === 0 ? 0 : checkTime('acquireTimeoutMs', acquireTimeoutMs),
    onTimeout: checkChoice('onTimeout', onTimeout, ['fail', 'new']),
    order: checkChoice('order', order, ['lifo', 'fifo']),
    idleMs: checkTime('idleMs', idleMs),
    maxAgeMs: checkNumber('maxAgeMs', maxAgeMs, { min: 1 }),
    maxUses: checkNumber('maxUses', maxUses, { min: 1 }),
    checkOnRelease: options.checkOnRelease ?? DEFAULTS.checkOnRelease,
    clock: options.clock ?? systemClock,
  };
}
