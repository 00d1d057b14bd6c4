import type { Msg, NatsConnection } from '@nats-io/transport-node';

/** The client package, imported when it is needed. */
export type NatsPeer = typeof import('@nats-io/transport-node');

/** An expected answer. */
export interface ExpectedAnswer {
  readonly reply: string;
  forget(): void;
}

/** Receives the answers to this connection with one subscription. Each answer needs only a number and a function. */
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
