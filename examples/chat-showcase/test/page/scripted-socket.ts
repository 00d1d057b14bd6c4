// A WebSocket that does what the test says.

import type { Socket } from '../../src/page/connection.js';

type Event = { data?: unknown; reason?: string };
type Listener = (event: Event) => void;

export class ScriptedSocket {
  readyState = 0;
  readonly sent: string[] = [];
  isClosedByPage = false;
  readonly #listeners: [type: string, listener: Listener][] = [];

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.push([type, listener]);
  }

  send(text: string): void {
    if (this.readyState !== 1) throw new Error(`sent in state ${this.readyState}`);
    this.sent.push(text);
  }

  close(): void {
    this.isClosedByPage = true;
    this.readyState = 2;
  }

  opens(): void {
    this.readyState = 1;
    this.#fire('open', {});
  }

  says(...messages: unknown[]): void {
    for (const data of messages) this.#fire('message', { data });
  }

  /** @param reason - of the server's close frame */
  breaks(reason = ''): void {
    this.readyState = 3;
    this.#fire('close', { reason });
  }

  asSocket(): Socket {
    return this as unknown as Socket;
  }

  #fire(type: string, event: Event): void {
    for (const [listened, listener] of this.#listeners) if (listened === type) listener(event);
  }
}
