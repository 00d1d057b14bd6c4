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
   * Limits of the messages that are kept while the bus is down. The oldest message is dropped first, and counted.
   * @default the defaults below
   */
  readonly whenDown?: {
    /** Maximum size of the kept messages and their subjects, in bytes. @default 1048576 */
    readonly maxBytes?: number;
    /** Maximum age of a kept message, in milliseconds. Older messages are dropped. @default 5000 */
    readonly maxAgeMs?: number;
  };
  /** Interval at which the bus sends a message to itself, in milliseconds. @default 1000 */
  readonly heartbeatMs?: number;
  /**
   * Maximum time without a heartbeat of the bus itself, in milliseconds. Then the bus is down. The bus closes the connection,
   * loses the messages in the connection, and connects again. While messages of other nodes arrive, the bus waits ten times as
   * long. Other nodes report a node as gone after 5 s without a heartbeat.
   * @default 3000
   */
  readonly unheardMs?: number;
  /** Maximum time for a connect to the engine, in milliseconds. @default 5000 */
  readonly connectTimeoutMs?: number;
}

/** Limits of the messages that are kept while a bus is down. */
export type KeptLimits = Required<NonNullable<EngineBusOptions['whenDown']>>;

/** The options, checked. */
export type BusPlan = Required<Omit<EngineBusOptions, 'whenDown'>> & {
  readonly whenDown: KeptLimits;
};

/** Options of every bus. The bus of an engine adds these options to its own. */
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
