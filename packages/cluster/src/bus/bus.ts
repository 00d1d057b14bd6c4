import type { Clock, Logger } from '@headrace/core';
import type { BusSubscription } from '../log/bus-subscription.ts';
import type { Log } from '../log/log.ts';

export type { BusSubscription } from '../log/bus-subscription.ts';

/**
 * The outcome for a message: `sent` was given to the engine, `kept` waits for the bus to come up, `dropped` is lost.
 * None of them means that it was received.
 */
export type PublishOutcome = 'sent' | 'kept' | 'dropped';

/** Gets what comes in on a subject. The bytes are shared by all listeners of the process: do not change them. */
export type BusListener = (bytes: Buffer, subject: string) => void;

/** Events of a {@link Bus}. */
export interface BusEvents {
  /** Every subscription is in force, and a message of its own came back: what is published now arrives. */
  up: [];
  /** The bus is down. `cause` is the error of the engine, if there was one. */
  down: [cause: Error | undefined];
  /** Messages were lost here: `full` or `old` while the bus was down, `stuck` because the engine took no more. */
  dropped: [lost: { readonly subject: string; readonly why: DropCause; readonly bytes: number }];
}

/**
 * Why a message was lost before it left this process: more was kept than fits, it waited too long, the engine took no
 * more, or the bus was closed.
 */
export type DropCause = 'full' | 'old' | 'stuck' | 'closed';

/** The process of a bus: time, randomness and a log, all of which tests replace. */
export interface BusHost {
  /** All times of the bus go by it. */
  readonly clock: Clock;
  /** Gets one line for each trouble. */
  readonly logger: Logger;
  /** At least 0, below 1. */
  readonly random: () => number;
  /** The subject that only this bus listens to and publishes on: what comes back there proves that it is up. */
  readonly probe: string;
}

/**
 * Messages by subject between the nodes of a cluster, at most once, in order for each subject and sender. There is no
 * store: a node that does not listen gets nothing.
 *
 * A bus never throws for what the network does. While it is down, what is published is kept within `whenDown`, and sent
 * in order when it is up; it is made again until it is closed.
 *
 * Implementations: `memoryBus()`, `processBus()`, `natsBus()`, `redisBus()`; all are tested by `describeBus`. One of
 * your own is an {@link BusEngine} in an {@link EngineBus}.
 */
export interface Bus {
  /** For log lines: the engine and where it is, without credentials. */
  readonly name: string;
  /** `up` while what is published arrives. */
  readonly state: 'up' | 'down';
  /** A store for durable groups, if the engine has one. */
  readonly log?: Log | undefined;

  /** Begins to connect. Called once, by the cluster. */
  open(host: BusHost): void;
  /**
   * Sends to all listeners, in this process too.
   *
   * @param bytes - belong to the bus from now on
   */
  publish(subject: string, bytes: Uint8Array): PublishOutcome;
  /**
   * Bytes that the bus publishes by itself if this process ends without closing it; they replace those of the call
   * before. Left out where the end of a process is not noticed at once: `processBus()` has it.
   */
  leaveWill?(subject: string, bytes: Uint8Array): void;
  /** Calls the listener with what comes in, from a moment after this call; see {@link settled}. */
  subscribe(subject: string, listener: BusListener): BusSubscription;
  /** Resolves when all subscriptions made so far are in force. Rejects with `BUS_DOWN`. */
  settled(): Promise<void>;
  /**
   * How many connections of the engine listen to a subject, at least: an engine that knows only whether there are any
   * says 1. Rejects with `BUS_DOWN`.
   */
  receivers(subject: string): Promise<number>;

  /** Calls back with each event; see {@link BusEvents}. */
  on<E extends keyof BusEvents>(event: E, listener: (...args: BusEvents[E]) => void): unknown;
  /** Takes a listener back. */
  off<E extends keyof BusEvents>(event: E, listener: (...args: BusEvents[E]) => void): unknown;

  /** Sends what was published, for as long as that is quick, and ends. The bus cannot be opened again. */
  close(): Promise<void>;
}
