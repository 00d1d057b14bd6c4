import type { TransportSink } from '@headrace/core';
import type { WebSocketPing, WebSocketPong } from './control-message.ts';
import type { WebSocketInput } from './text-message.ts';

/** A source of messages, which passes on no message while {@link MessageIntake.isTaking} is false. */
export interface MessageSource {
  pause(): void;
  resume(): void;
}

/** Passes the messages of a WebSocket to its channel in bursts, and pauses the source while the channel does not read. */
export class MessageIntake {
  sink: TransportSink | undefined = undefined;
  /** Whether the channel has closed. Later messages are dropped. */
  isOver = false;
  /** Whether the end follows. Messages then pass even while reads are held. */
  isDue = false;
  private readonly source: MessageSource;
  private mayRead = false;
  /** Whether a message has arrived since the last burst ended. */
  isInBurst = false;
  /** Number of messages since the start, for {@link TransportSink.checkTurn}. */
  private received = 0;

  constructor(source: MessageSource) {
    this.source = source;
  }

  /** False while the channel does not read. Messages then wait in the source. */
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
    // The check can hold reads, which withdraws the permission to read. The rest of the burst then
    // waits.
    if (this.received % MESSAGES_PER_CHECK === 0) sink?.checkTurn();
  }

  /** Ends a burst: the messages since the last call arrived together. */
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
