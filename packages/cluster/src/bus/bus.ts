import type { Clock, Logger } from '@headrace/core';
import type { BusSubscription } from '../log/bus-subscription.ts';
import type { Log } from '../log/log.ts';

export type { BusSubscription } from '../log/bus-subscription.ts';

/**
 * The outcome for a message: `sent` means that the engine was given it, `kept` that it waits for the bus to come up, `dropped`
 * that it is lost. None of them means that it was received.
 */
export type PublishOutcome = 'sent' | 'kept' | 'dropped';

/** Gets the messages of a subject. The bytes are shared by all listeners of the process: do not change them. */
export type BusListener = (bytes: Buffer, subject: string) => void;

/** Events of a {@link Bus}. */
export interface BusEvents {
  /** Every subscription is in force, and a message of the bus to itself came back: messages published now arrive. */
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

/** What a bus takes from its process: time, randomness and a logger; tests replace all of them. */
export interface BusHost {
  /** The clock of all times of the bus. */
  readonly clock: Clock;
  /** Gets one line for each problem. */
  readonly logger: Logger;
  /** Returns a random number, at least 0 and below 1. */
  readonly random: () => number;
  /** The subject that only this bus listens to and publishes on: a message that comes back there proves that the bus is up. */
  readonly probe: string;
}

/**
 * Messages by subject between the nodes of a cluster, at most once, in order for each subject and sender. There is no
 * store: a node that does not listen gets nothing.
 *
 * A bus never throws because of the network. While it is down, it keeps published messages within `whenDown`, and sends them in
 * order when it is up. It reconnects until it is closed.
 *
 * Implementations: `memoryBus()`, `processBus()`, `natsBus()`, `redisBus()`; all are tested by `describeBus`. One of
 * your own is an {@link BusEngine} in an {@link EngineBus}.
 */
export interface Bus {
  /** For log lines: the engine and where it is, without credentials. */
  readonly name: string;
  /** `up` while published messages arrive. */
  readonly state: 'up' | 'down';
  /** A store for durable groups, if the engine has one. */
  readonly log?: Log | undefined;

  /** Begins to connect; the cluster calls it once. */
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
  /** Calls the listener with the messages of a subject, from a moment after this call; see {@link settled}. */
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
  /** Removes a listener. */
  off<E extends keyof BusEvents>(event: E, listener: (...args: BusEvents[E]) => void): unknown;

  /** Sends the published messages, for 2 s at most, and ends. The bus cannot be opened again. */
  close(): Promise<void>;
}
