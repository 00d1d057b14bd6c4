import type { LogLink } from '../log/log.ts';
import type { BusHost } from './bus.ts';

/** Takes what an engine's link reports. */
export interface BusLinkSink {
  /** A message came; the bytes are shared and must not be changed. */
  received(subject: string, bytes: Buffer): void;
  /** The link has ended by itself, and reports nothing any more. */
  lost(cause: Error | undefined): void;
}

/**
 * One connection to an engine. It makes no attempt to repair itself, keeps nothing back, and never throws but in its
 * promises: all of that is the {@link EngineBus}'s.
 */
export interface BusLink {
  /** Gives bytes to the engine. Messages of one link arrive in order. */
  publish(subject: string, bytes: Uint8Array): void;
  /** Bytes that the engine publishes if this process ends without closing the link; see `Bus.leaveWill`. */
  leaveWill?(subject: string, bytes: Uint8Array): void;
  /** Once for each subject, until {@link unsubscribe}. */
  subscribe(subject: string): void;
  /** Ends the link; a message that is on its way may still be reported. */
  unsubscribe(subject: string): void;
  /** Resolves when every subscription so far is in force at the engine. */
  settled(): Promise<void>;
  /**
   * How many links listen, at least; an engine that only knows whether any does says 1. The answer comes when what was
   * published before is at the engine: what is long goes out as fast as it answers.
   */
  receivers(subject: string): Promise<number>;
  /** The engine's store for durable groups. */
  readonly log?: LogLink;
  /** Ends it. With `flush` what was published leaves first; this may take as long as the engine lets it. */
  close(flush: boolean): Promise<void>;
}

/** Knows of the end of this process where the engine does not notice it. */
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
  /** The will is taken back. */
  close(): void;
}

/** The engine under an {@link EngineBus}: NATS, Redis, `node:cluster`, memory. */
export interface BusEngine {
  /** For log lines: what and where, without credentials: `nats://10.0.0.7:4222`. */
  readonly name: string;
  /** True if its links have a `log`. */
  readonly hasLog: boolean;
  /** For links without `leaveWill`. @default none */
  readonly witness?: WillWitness | undefined;
  /**
   * Connects, once. Rejects if it cannot, and when the signal aborts. Reports of a link before the promise resolves
   * is lost, but for its loss, which aborts this connect.
   */
  connect(sink: BusLinkSink, host: BusHost, signal: AbortSignal): Promise<BusLink>;
}
