import { MessageBursts } from '@headrace/core/authoring';
import type { WebSocketPing, WebSocketPong } from './control-message.ts';
import type { WebSocketInput } from './text-message.ts';

/** A source of messages, which passes on no message while {@link MessageIntake.isTaking} is false. */
export interface MessageSource {
  pause(): void;
  resume(): void;
}

/** Passes the messages of a WebSocket to its channel in bursts, and pauses the source while the channel does not read. */
export class MessageIntake extends MessageBursts<WebSocketInput | WebSocketPing | WebSocketPong> {
  /** Whether the end follows. Messages then pass even while reads are held. */
  isDue = false;
  private readonly source: MessageSource;

  constructor(source: MessageSource) {
    super();
    this.source = source;
  }

  override get isTaking(): boolean {
    return this.isOver || this.isDue || this.mayRead;
  }

  override requestRead(): void {
    super.requestRead();
    this.source.resume();
  }

  override pauseReading(): void {
    super.pauseReading();
    if (!this.isInBurst) this.source.pause();
  }

  arrived(message: WebSocketInput | WebSocketPing | WebSocketPong): void {
    if (!this.isOver) this.pass(message);
  }

  override endBurst(): void {
    if (!this.isInBurst) return;
    super.endBurst();
    if (!this.isOver && !this.mayRead) this.source.pause();
  }
}
