// Own messages until the server has echoed them. Pure.
//
//   queued ─handed to the socket→ sending ─ECHO→ (gone: it is a message of the room now)
//                                    │
//                    link lost ──────┴→ unconfirmed: it may or may not have arrived, the user decides
//                    refused by the server → refused
//
// Queued messages are sent by themselves after a reconnect; unconfirmed ones never are, because
// the others might see them twice.

export type OutgoingState = 'queued' | 'sending' | 'unconfirmed' | 'refused';

export interface Outgoing {
  readonly key: number;
  readonly text: string;
  readonly state: OutgoingState;
}

export interface OutboxOptions {
  /** Messages that may be in it. @default 100 */
  readonly maxMessages?: number;
}

type Message = { -readonly [Key in keyof Outgoing]: Outgoing[Key] };

export class Outbox {
  private readonly maxMessages: number;
  private nextKey = 1;
  private list: Message[] = [];

  constructor({ maxMessages = 100 }: OutboxOptions = {}) {
    this.maxMessages = maxMessages;
  }

  get messages(): readonly Outgoing[] {
    return this.list;
  }

  get isFull(): boolean {
    return this.list.length >= this.maxMessages;
  }

  add(text: string): void {
    this.list.push({ key: this.nextKey++, text, state: 'queued' });
  }

  /**
   * Hands queued messages over, in order, until one is not taken.
   */
  flush(send: (text: string) => boolean): void {
    for (const message of this.list) {
      if (message.state !== 'queued') continue;
      if (!send(message.text)) return;
      message.state = 'sending';
    }
  }

  /**
   * The server echoed this text: the oldest such message is delivered.
   */
  confirm(text: string): void {
    const at = this.list.findIndex((m) => m.state === 'sending' && m.text === text);
    if (at >= 0) this.list.splice(at, 1);
  }

  /**
   * It turned out that this one had arrived before the link was lost.
   */
  found(text: string): void {
    const at = this.list.findIndex((m) => m.state === 'unconfirmed' && m.text === text);
    if (at >= 0) this.list.splice(at, 1);
  }

  /** The link is gone, and with it the chance to hear an echo. */
  linkLost(): void {
    for (const message of this.list) {
      if (message.state === 'sending') message.state = 'unconfirmed';
    }
  }

  /** The server refused a message. It answers in order, so that is the oldest without an echo. */
  refuseOldest(): void {
    const message = this.list.find(({ state }) => state === 'sending');
    if (message) message.state = 'refused';
  }

  /**
   * Sends an unconfirmed or refused message again, after all others.
   */
  requeue(key: number): void {
    const [message] = this.take(key);
    if (message) this.list.push({ ...message, state: 'queued' });
  }

  discard(key: number): void {
    this.take(key);
  }

  clear(): void {
    this.list = [];
  }

  private take(key: number): Message[] {
    const at = this.list.findIndex((message) => message.key === key);
    return at < 0 ? [] : this.list.splice(at, 1);
  }
}
