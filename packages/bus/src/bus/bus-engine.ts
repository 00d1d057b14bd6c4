import type { BusHost } from './bus-host.ts';

/** Receives the reports of an engine's link. */
export interface BusLinkSink {
  /** Called when a message has arrived. The bytes are shared and must not be changed. */
  received(subject: string, bytes: Buffer): void;
  /** Called as the last call, when the link has ended by itself. */
  lost(cause: Error | undefined): void;
}

/**
 * One connection to an engine. A link does not repair itself, keeps no messages, and reports errors only through its promises.
 * The {@link EngineBus} repairs links and queues messages.
 */
export interface BusLink {
  /** Maximum size of one message, in bytes. @default no limit */
  readonly maxBytes?: number | undefined;
  /** Whether the engine has refused messages for this subject a moment ago. @default no subject is forbidden */
  isForbidden?(subject: string): boolean;
  /** Passes bytes to the engine. Messages of one link arrive in order. */
  publish(subject: string, bytes: Uint8Array): void;
  /** Sets the message that the engine publishes if this process ends without closing the link; see `Bus.setWill`. */
  setWill?(subject: string, bytes: Uint8Array): void;
  /** Subscribes to a subject. Called once for each subject, until {@link unsubscribe}. */
  subscribe(subject: string): void;
  /** Ends the subscription. A message that is on its way can still be reported. */
  unsubscribe(subject: string): void;
  /** Resolves when every subscription made so far is in force at the engine. */
  settled(): Promise<void>;
  /**
   * Resolves with the number of links that listen, or with 1 for any number above 0 if the engine does not count them. The
   * promise resolves after earlier messages have reached the engine, and so paces the pieces of a long message.
   */
  receivers(subject: string): Promise<number>;
  /** Access to the engine itself, for packages that store data in it. The kind of the engine says what it is. @default none */
  readonly access?: unknown;
  /** Ends the link. With `flush`, the published messages are sent first, which can take as long as the engine allows. */
  close(flush: boolean): Promise<void>;
}

/** Receives the reports of a bus about its links, in this order: `opened`, any number of links, `closed`. */
export interface LinkWatcher {
  /** Called when the bus is opened, before its first link. */
  opened(host: BusHost): void;
  /**
   * Called with a new link, which is not up yet. Subscriptions that the watcher makes now are in force when the bus is up.
   */
  linked(link: BusLink): void;
  /** Called when the link is up, before the bus emits `up`. */
  linkUp(): void;
  /** Called when the link has ended. No further answer arrives over the link. */
  unlinked(): void;
  /** Called when the engine can never connect, for example because its package is not installed. */
  broken?(cause: Error): void;
  /** Called when the bus is closed, after the last `unlinked`. */
  closed(): void;
}

/** Notices the end of this process if the engine cannot notice it. */
export interface WillWitness {
  /**
   * Keeps a message that another process publishes if this process ends without {@link close}. A later call replaces the message.
   *
   * @param publish - a function that publishes the wills of processes that have ended
   */
  setWill(
    subject: string,
    bytes: Uint8Array,
    publish: (subject: string, bytes: Uint8Array) => void,
  ): void;
  close(): void;
}

/** The engine under an {@link EngineBus}: NATS, Redis, `node:cluster` or memory. */
export interface BusEngine {
  /** The engine and its address for log lines, without credentials: `nats://10.0.0.7:4222`. */
  readonly name: string;
  /** The kind of the engine, which says what its links give access to: `nats`, `redis`. @default none */
  readonly kind?: string;
  /** Publishes the wills of links without `setWill`. @default none */
  readonly witness?: WillWitness | undefined;
  /**
   * Connects once. Rejects if the connect fails, or when the signal aborts. Until the promise resolves, reports of the link are
   * ignored, except its loss, which aborts this connect.
   */
  connect(sink: BusLinkSink, host: BusHost, signal: AbortSignal): Promise<BusLink>;
}
