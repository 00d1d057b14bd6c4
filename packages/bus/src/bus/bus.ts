import type { LinkWatcher } from './bus-engine.ts';
import type { BusHost } from './bus-host.ts';

export type { BusHost } from './bus-host.ts';

/** A subscription to a subject. */
export interface BusSubscription {
  /** Ends the subscription at once. */
  close(): void;
}

/**
 * Outcome of `publish`. `sent`: the message was passed to the engine. `kept`: the message waits until the bus is up. `dropped`:
 * the message is lost. None of them means that a listener received the message.
 */
export type PublishOutcome = 'sent' | 'kept' | 'dropped';

/** Called with each message of a subject. All listeners of the process share the bytes: do not change the bytes. */
export type BusListener = (bytes: Buffer, subject: string) => void;

/** Events of a {@link Bus}. */
export interface BusEvents {
  /** Every subscription is in force, and a message of the bus to itself came back. Messages published now arrive. */
  up: [];
  /** The bus is down. `cause` is the error because of which the connection ended, if known. */
  down: [cause: Error | undefined];
  /** A message was lost in this process; see {@link DropCause}. */
  dropped: [lost: { readonly subject: string; readonly why: DropCause; readonly bytes: number }];
}

/**
 * Why a message was lost before it left this process. `full`: too many bytes were kept. `old`: the message waited too long.
 * `stuck`: the engine accepted no more. `tooLong`: the engine accepts only shorter messages. `closed`: the bus was closed.
 * `forbidden`: the engine has refused an earlier message for this subject, because its permissions forbid the subject.
 */
export type DropCause = 'full' | 'old' | 'stuck' | 'tooLong' | 'forbidden' | 'closed';

/**
 * Carries messages by subject between the nodes of a cluster, at most once, in order for each subject and sender. A node that
 * does not listen receives nothing.
 *
 * A bus never throws because of the network. While the bus is down, it keeps published messages within `whenDown`, and sends them
 * in order when it is up. A bus reconnects until it is closed.
 *
 * Implementations: `memoryBus()`, `processBus()`, `meshBus()`, `natsBus()` and `redisBus()`. `describeBus` tests all of them. To write a bus,
 * pass a {@link BusEngine} to an {@link EngineBus}.
 */
export interface Bus {
  /** The engine and its address for log lines, without credentials. */
  readonly name: string;
  /** `up` while published messages arrive. */
  readonly state: 'up' | 'down';
  /** The kind of the engine, by which packages that store data in the engine know what its links give access to. */
  readonly kind?: string;
  /** Maximum size of one message, in bytes, as far as known. Longer messages are dropped. @default no limit */
  readonly maxBytes?: number;

  /** Begins to connect. The cluster calls this method once. */
  open(host: BusHost): void;
  /**
   * Sends a message to all listeners, including those of this process.
   *
   * @param bytes - the message; belongs to the bus from now on
   */
  publish(subject: string, bytes: Uint8Array): PublishOutcome;
  /**
   * Sets the message that is published if this process ends without closing the bus. A later call replaces the message. Has no
   * effect if the end is not noticed at once, for example with `natsBus()` outside the workers of `node:cluster`.
   */
  setWill?(subject: string, bytes: Uint8Array): void;
  /** Calls the listener with the messages of a subject, from a moment after this call; see {@link settled}. */
  subscribe(subject: string, listener: BusListener): BusSubscription;
  /** Resolves when all subscriptions made so far are in force. Rejects with `BUS_DOWN`. */
  settled(): Promise<void>;
  /**
   * Resolves with the number of engine connections that listen to a subject. An engine that does not count them answers 1 for any
   * number above 0. Rejects with `BUS_DOWN`.
   */
  receivers(subject: string): Promise<number>;

  /** Reports the links of the bus from now on, beginning with the present one. For packages that store data in the engine. */
  watchLinks?(watcher: LinkWatcher): void;

  /** Calls the listener with each event; see {@link BusEvents}. */
  on<E extends keyof BusEvents>(event: E, listener: (...args: BusEvents[E]) => void): unknown;
  off<E extends keyof BusEvents>(event: E, listener: (...args: BusEvents[E]) => void): unknown;

  /** Sends the published messages, for at most 2 s, and closes the bus. The bus cannot be opened again. */
  close(): Promise<void>;
}
