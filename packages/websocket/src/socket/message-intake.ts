import type { TransportSink } from '@headrace/core';
import { Fifo } from '@headrace/core/authoring';
import type { WebSocketInput } from './text-message.ts';

/** Where messages come from. All calls may come whatever the state. */
export interface MessageSource {
  pause(): void;
  resume(): void;
  /** Calls `endBurst` of the intake in a task of its own. */
  endBurstLater(intake: MessageIntake): void;
}

/**
 * Hands the messages of a WebSocket to its channel while the channel reads, in bursts; keeps the rest of a burst that
 * the channel stopped in the middle.
 */
export class MessageIntake {
  sink: TransportSink | undefined = undefined;
  /** The channel has closed: later messages are dropped. */
  isOver = false;
  private readonly source: MessageSource;
  private mayRead = false;
  /** The end follows: messages pass though reads are held. */
  private isDue = false;
  private isInBurst = false;
  /** The source itself reports the end of the burst. */
  private isFed = false;
  /** Messages since the start, for {@link TransportSink.checkTurn}. */
  private received = 0;
  // Most have none, and there may be very many WebSockets.
  private held: Fifo<WebSocketInput> | undefined = undefined;

  constructor(source: MessageSource) {
    this.source = source;
  }

  /** False while a message that arrives would be kept. */
  get isTaking(): boolean {
    return this.isOver || this.isDue || (this.mayRead && this.held === undefined);
  }

  requestRead(): void {
    this.mayRead = true;
    if (this.held !== undefined) this.beginBurst();
    else this.source.resume();
  }

  pauseReading(): void {
    this.mayRead = false;
    if (!this.isInBurst) this.source.pause();
  }

  arrived(message: WebSocketInput): void {
    if (this.isOver) return;
    if (!this.isTaking) {
      this.hold(message);
      if (!this.mayRead) this.source.pause();
      return;
    }
    this.beginBurst();
    this.pass(message);
  }

  /** The messages that arrive until {@link endRead} are one burst. */
  beginRead(): void {
    this.isFed = true;
  }

  endRead(): void {
    this.isFed = false;
    this.endBurst();
  }

  /** What was read comes before the end, or the error, that followed it, though reads are held. */
  passHeld(): void {
    const { held, sink } = this;
    if (held === undefined) return;
    while (!held.isEmpty && !this.isOver) sink?.received(held.shift());
    this.held = undefined;
    if (!this.isOver) sink?.readComplete();
  }

  /** As {@link passHeld}, also for the messages that arrive from now on. */
  passAll(): void {
    this.isDue = true;
    this.passHeld();
  }

  stop(): void {
    this.isOver = true;
    this.held = undefined;
  }

  endBurst(): void {
    if (!this.isInBurst) return;
    const { held, sink } = this;
    while (held?.isEmpty === false && this.mayRead && !this.isOver) this.pass(held.shift()!);
    if (held?.isEmpty === true) this.held = undefined;
    this.isInBurst = false;
    this.mayRead = false;
    if (this.isOver) return;
    sink?.readComplete();
    if (!this.mayRead) this.source.pause();
  }

  private hold(message: WebSocketInput): void {
    this.held ??= new Fifo();
    this.held.push(message);
  }

  private pass(message: WebSocketInput): void {
    const { sink } = this;
    sink?.received(message);
    this.received += 1;
    // A hold, also this one, takes the permission to read away: the rest of the burst is kept.
    if (this.received % MESSAGES_PER_CHECK === 0) sink?.checkTurn();
  }

  /** Without a source that reports its end, a burst is what comes within one task. */
  private beginBurst(): void {
    if (this.isInBurst) return;
    this.isInBurst = true;
    if (!this.isFed) this.source.endBurstLater(this);
  }
}

const MESSAGES_PER_CHECK = 16;
