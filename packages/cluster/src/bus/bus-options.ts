import {
  checkNumber,
  describeOptions,
  describePart,
  nested,
  number,
} from '@headrace/core/authoring';

/** Options of every bus. */
export interface EngineBusOptions {
  /**
   * Limits of the messages that are kept while the bus is down; the oldest is dropped first, and counted.
   * @default those below
   */
  readonly whenDown?: {
    /** Bytes of messages and subjects. @default 1048576 */
    readonly maxBytes?: number;
    /** The age in milliseconds above which a kept message is dropped. @default 5000 */
    readonly maxAgeMs?: number;
  };
  /** The interval at which the bus sends a message to itself, in milliseconds. @default 1000 */
  readonly heartbeatMs?: number;
  /**
   * The time in milliseconds without one of its own heartbeats after which the bus is down; the connection is then closed, with
   * everything in it, and made again. While messages of others arrive, the bus is late but not silent, and waits ten times as
   * long. Other nodes report a node as gone after 5 s without a heartbeat.
   * @default 3000
   */
  readonly unheardMs?: number;
  /** How long the engine may take to connect, in milliseconds. @default 5000 */
  readonly connectTimeoutMs?: number;
}

/** Limits of the messages that are kept while a bus is down. */
export type KeptLimits = Required<NonNullable<EngineBusOptions['whenDown']>>;

/** The options, checked. */
export type BusPlan = Required<Omit<EngineBusOptions, 'whenDown'>> & {
  readonly whenDown: KeptLimits;
};

/** Of every bus: those of one engine name this set beside their own. */
export const BUS_OPTIONS = describeOptions('EngineBus', {
  whenDown: nested(
    describePart('whenDown', {
      maxBytes: number({ default: 1024 * 1024 }),
      maxAgeMs: number({ default: 5000 }),
    }),
    { default: {} },
  ),
  heartbeatMs: number({ min: 10, default: 1000 }),
  unheardMs: number({ default: 3000 }),
  connectTimeoutMs: number({ min: 1, default: 5000 }),
});

/** @throws OptionError */
export function busPlan(options: EngineBusOptions): BusPlan {
  const plan = BUS_OPTIONS.resolve(options);
  checkNumber('unheardMs', plan.unheardMs, { min: plan.heartbeatMs });
  return plan as BusPlan;
}
