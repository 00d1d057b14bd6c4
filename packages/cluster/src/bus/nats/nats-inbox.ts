import type { Msg, NatsConnection } from '@nats-io/transport-node';

/** The client, imported when it is needed. */
export type NatsPeer = typeof import('@nats-io/transport-node');

/** An answer that is waited for. */
export interface ExpectedAnswer {
  /** Where it must go. */
  readonly reply: string;
  forget(): void;
}

/** Answers to this connection: one subscription, and nothing but a number and a function for each. */
export class NatsInbox {
  private readonly connection: NatsConnection;
  private readonly prefix: string;
  private readonly expected = new Map<number, (message: Msg) => void>();
  private last = 0;
  private isOpen = false;

  constructor(connection: NatsConnection, peer: NatsPeer, inboxPrefix: string | undefined) {
    this.connection = connection;
    this.prefix = `${peer.createInbox(inboxPrefix)}.`;
  }

  expect(answered: (message: Msg) => void): ExpectedAnswer {
    this.open();
    this.last += 1;
    const number = this.last;
    this.expected.set(number, answered);
    return { reply: `${this.prefix}${number}`, forget: () => this.expected.delete(number) };
  }

  private open(): void {
    if (this.isOpen) return;
    this.isOpen = true;
    const callback = (error: Error | null, message: Msg) => {
      if (error !== null) return;
      const number = Number(message.subject.slice(this.prefix.length));
      const answered = this.expected.get(number);
      this.expected.delete(number);
      answered?.(message);
    };
    this.connection.subscribe(`${this.prefix}*`, { callback });
  }
}
