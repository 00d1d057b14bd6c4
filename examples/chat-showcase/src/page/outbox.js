// Own messages until the server has echoed them. Pure.
//
//   queued ─handed to the socket→ sending ─ECHO→ (gone: it is a message of the room now)
//                                    │
//                    link lost ──────┴→ unconfirmed: it may or may not have arrived, the user decides
//                    refused by the server → refused
//
// Queued messages are sent by themselves after a reconnect; unconfirmed ones never are, because
// the others might see them twice.

/**
 * @typedef {'queued' | 'sending' | 'unconfirmed' | 'refused'} OutgoingState
 * @typedef {{ key: number, text: string, state: OutgoingState }} Outgoing
 */

const DEFAULTS = { maxMessages: 100 };

export class Outbox {
  #maxMessages;
  #nextKey = 1;
  /** @type {Outgoing[]} */
  #messages = [];

  /** @param {{ maxMessages?: number }} [options] */
  constructor(options = {}) {
    this.#maxMessages = { ...DEFAULTS, ...options }.maxMessages;
  }

  /** @returns {readonly Readonly<Outgoing>[]} */
  get messages() {
    return this.#messages;
  }

  get isFull() {
    return this.#messages.length >= this.#maxMessages;
  }

  /** @param {string} text */
  add(text) {
    this.#messages.push({ key: this.#nextKey++, text, state: 'queued' });
  }

  /**
   * Hands queued messages over, in order, until one is not taken.
   *
   * @param {(text: string) => boolean} send
   */
  flush(send) {
    for (const message of this.#messages) {
      if (message.state !== 'queued') continue;
      if (!send(message.text)) return;
      message.state = 'sending';
    }
  }

  /**
   * The server echoed this text: the oldest such message is delivered.
   *
   * @param {string} text
   */
  confirm(text) {
    const at = this.#messages.findIndex((m) => m.state === 'sending' && m.text === text);
    if (at >= 0) this.#messages.splice(at, 1);
  }

  /**
   * It turned out that this one had arrived before the link was lost.
   *
   * @param {string} text
   */
  found(text) {
    const at = this.#messages.findIndex((m) => m.state === 'unconfirmed' && m.text === text);
    if (at >= 0) this.#messages.splice(at, 1);
  }

  /** The link is gone, and with it the chance to hear an echo. */
  linkLost() {
    for (const message of this.#messages) {
      if (message.state === 'sending') message.state = 'unconfirmed';
    }
  }

  /** The server refused a message. It answers in order, so that is the oldest without an echo. */
  refuseOldest() {
    const message = this.#messages.find(({ state }) => state === 'sending');
    if (message) message.state = 'refused';
  }

  /**
   * Sends an unconfirmed or refused message again, after all others.
   *
   * @param {number} key
   */
  requeue(key) {
    const [message] = this.#take(key);
    if (message) this.#messages.push({ ...message, state: 'queued' });
  }

  /** @param {number} key */
  discard(key) {
    this.#take(key);
  }

  clear() {
    this.#messages = [];
  }

  /** @param {number} key */
  #take(key) {
    const at = this.#messages.findIndex((message) => message.key === key);
    return at < 0 ? [] : this.#messages.splice(at, 1);
  }
}
