import type { TransportSink } from '@headrace/core';
import type { WebSocketPing, WebSocketPong } from './control-message.ts';
import type { WebSocketInput } from './text-message.ts';

/** Where messages come from: passes none on while {@link MessageIntake.isTaking} is false. */
export interface MessageSource {
  pause(): void;
  resume(): void;
}

/** Hands the messages of a WebSocket to its channel, in bursts, and stops its source while the channel does not read. */
export class MessageIntake {
  sink: TransportSink | undefined = undefined;
  /** The channel has closed: later messages are dropped. */
  isOver = false;
  /** The end follows: messages pass though reads are held. */
  isDue = false;
  private readonly source: MessageSource;
  private mayRead = false;
  private isInBurst = false;
  /** Messages since the start, for {@link TransportSink.checkTurn}. */
  private received = 0;

  constructor(source: MessageSource) {
    this.source = source;
  }

  /** False while the channel does not read: messages wait in the source. */
  get isTaking(): boolean {
    return this.isOver || this.isDue || this.mayRead;
  }

  requestRead(): void {
    this.mayRead = true;
    this.source.resume();
  }

  pauseReading(): void {
    this.mayRead = false;
    if (!this.isInBurst) this.source.pause();
  }

  arrived(message: WebSocketInput | WebSocketPing | WebSocketPong): void {
    if (this.isOver) return;
    this.isInBurst = true;
    const { sink } = this;
    sink?.received(message);
    this.received += 1;
    // A hold, also this one, takes the permission to read away: the rest of the burst waits.
    if (this.received % MESSAGES_PER_CHECK === 0) sink?.checkTurn();
  }

  /** The messages since the last call came together. */
  endBurst(): void {
    if (!this.isInBurst) return;
    this.isInBurst = false;
    this.mayRead = false;
    if (this.isOver) return;
    this.sink?.readComplete();
    if (!this.mayRead) this.source.pause();
  }

  stop(): void {
    this.isOver = true;
  }
}

const MESSAGES_PER_CHECK = 16;
