import type { LogLink } from '../log/log.ts';
import type { BusHost } from './bus.ts';

/** Takes what an engine's link reports. */
export interface BusLinkSink {
  /** A message came; the bytes are shared and must not be changed. */
  received(subject: string, bytes: Buffer): void;
  /** The link has ended by itself, and reports nothing more. */
  lost(cause: Error | undefined): void;
}

/**
 * One connection to an engine. It does not repair itself, keeps no messages, and reports errors only through its promises: repair
 * and queues belong to the {@link EngineBus}.
 */
export interface BusLink {
  /** Gives bytes to the engine. Messages of one link arrive in order. */
  publish(subject: string, bytes: Uint8Array): void;
  /** Bytes that the engine publishes if this process ends without closing the link; see `Bus.leaveWill`. */
  leaveWill?(subject: string, bytes: Uint8Array): void;
  /** Subscribes to a subject; called once for each, until {@link unsubscribe}. */
  subscribe(subject: string): void;
  /** Ends the subscription; a message that is on its way may still be reported. */
  unsubscribe(subject: string): void;
  /** Resolves when every subscription so far is in force at the engine. */
  settled(): Promise<void>;
  /**
   * How many links listen, at least; an engine that only knows whether any does says 1. It resolves when the messages published
   * before it have reached the engine, so it paces the pieces of a long message.
   */
  receivers(subject: string): Promise<number>;
  /** The engine's store for durable groups. */
  readonly log?: LogLink;
  /** Ends the link. With `flush`, published messages leave first; this may take as long as the engine allows. */
  close(flush: boolean): Promise<void>;
}

/** Notices the end of this process where the engine does not. */
export interface WillWitness {
  /**
   * Keeps bytes that another process publishes if this one ends without {@link close}; they replace those of the call before.
   *
   * @param publish - for the wills of others that have ended
   */
  leaveWill(
    subject: string,
    bytes: Uint8Array,
    publish: (subject: string, bytes: Uint8Array) => void,
  ): void;
  /** Takes the will back. */
  close(): void;
}

/** The engine under an {@link EngineBus}: NATS, Redis, `node:cluster`, memory. */
export interface BusEngine {
  /** The engine and its address for log lines, without credentials: `nats://10.0.0.7:4222`. */
  readonly name: string;
  /** True if its links have a `log`. */
  readonly hasLog: boolean;
  /** Publishes the wills of links without `leaveWill`. @default none */
  readonly witness?: WillWitness | undefined;
  /**
   * Connects, once. Rejects if it cannot, and when the signal aborts. What a link reports before the promise resolves is ignored,
   * except its loss, which aborts this connect.
   */
  connect(sink: BusLinkSink, host: BusHost, signal: AbortSignal): Promise<BusLink>;
}
