import { randomUUID } from 'node:crypto';
import { type Clock, type Logger, stderrLogger } from '@headrace/core';
import { CLOCK, describeOptions, LOGGER, RANDOM, value } from '@headrace/core/authoring';
import { token } from '../node/subject-token.ts';
import type { Bus } from './bus.ts';

/** Options of {@link openBus}. */
export interface OpenBusOptions {
  /** Name of the application. Programs with the same name on the same engine share what they store. */
  readonly app: string;
  /** Receives one line for each problem. @default a logger that writes to stderr */
  readonly logger?: Logger;
  /** @default the system's clock */
  readonly clock?: Clock;
  /** Returns a random number from 0 to 1. @default Math.random */
  readonly random?: () => number;
}

const OPTIONS = describeOptions('openBus', {
  app: value<string, { readonly required: true }>(
    "a text that is the same in all processes: 'chat'",
    (given) => typeof given === 'string' && given !== '',
    { required: true },
  ),
  logger: LOGGER,
  clock: CLOCK,
  random: RANDOM,
});

/**
 * Opens a bus that no cluster uses, for a program that only stores data in the engine. The bus connects meanwhile, and tries again
 * until it is closed. `Cluster.join` opens its bus itself.
 *
 * If the engine can never connect, for example because its package is not installed, the bus logs an error and emits `down`, and each
 * call that needs the engine rejects with `BUS_DOWN` and this cause.
 *
 * @returns the bus
 * @throws OptionError if an option is not valid, and ChannelError `BUS_DOWN` if the bus is in use already
 * @example
 * ```ts check
 * import { openBus } from '@headrace/bus';
 * import { redisBus } from '@headrace/bus/redis';
 *
 * const bus = openBus(redisBus({ url: 'redis://127.0.0.1:6379' }), { app: 'chat' });
 * bus.on('down', (cause) => console.error(cause));
 * ```
 */
export function openBus<B extends Bus>(bus: B, options: OpenBusOptions): B {
  const { app, logger = stderrLogger(), clock, random } = OPTIONS.resolve(options);
  bus.open({ clock, logger, random, probe: `hr.${token(app)}.b.${randomUUID()}` });
  return bus;
}
