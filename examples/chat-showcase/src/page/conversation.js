// What is said in the room on its way into the log: first what was said before we came, or while we were away,
// then a word about it, then what comes.

import { CatchUp } from './catch-up.js';
import { gapSentence, welcomeSentence } from './words.js';

/** A server that does not tell what was said last is not waited for longer. */
const HISTORY_TIMEOUT_MS = 1500;

/**
 * @typedef {import('./log-view.js').Message} Message
 *
 * @typedef {object} ConversationOptions
 * @property {import('./log-view.js').LogView} log
 * @property {(text: string) => void} onOwnFound one of our messages did arrive, as it turns out
 */

export class Conversation {
  #options;
  #catchUp = new CatchUp();
  #self = '';
  /** Since when there has been no link, if there was one before. @type {number | null} */
  #lostAt = null;
  /** What comes while we wait for the history. @type {Message[] | null} */
  #early = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {ConversationOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** @param {string} self */
  reset(self) {
    clearTimeout(this.#timer);
    this.#catchUp.reset();
    this.#self = self;
    this.#lostAt = null;
    this.#early = null;
  }

  signedIn() {
    this.#catchUp.signedIn();
    this.#early = [];
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#begin([], this.#lostAt === null), HISTORY_TIMEOUT_MS);
  }

  /** True the first time after a sign-in. */
  linkLost() {
    if (this.#lostAt !== null) return false;
    this.#release();
    this.#lostAt = Date.now();
    return true;
  }

  /**
   * @param {string} sender
   * @param {string} text
   */
  said(sender, text) {
    this.#catchUp.heard();
    const isOwn = sender === this.#self;
    const message = { sender, text, isOwn, at: new Date(), isPast: false };
    if (this.#early === null) this.#options.log.message(message);
    else this.#early.push(message);
  }

  /** @param {import('./catch-up.js').History} history */
  history(history) {
    const { messages, isComplete } = this.#catchUp.missed(history);
    if (this.#early === null) return;
    for (const { id, text } of messages) if (id === this.#self) this.#options.onOwnFound(text);
    this.#begin(messages, isComplete);
  }

  /**
   * @param {readonly import('./catch-up.js').Said[]} messages
   * @param {boolean} isComplete
   */
  #begin(messages, isComplete) {
    const { log } = this.#options;
    for (const { id, text, at } of messages) {
      const isOwn = id === this.#self;
      log.message({ sender: id, text, isOwn, at: new Date(at), isPast: true });
    }
    const count = messages.length;
    if (this.#lostAt === null) log.notice(welcomeSentence(this.#self, count));
    else log.linkNotice(gapSentence(Date.now() - this.#lostAt, count, isComplete));
    this.#lostAt = null;
    this.#release();
  }

  #release() {
    clearTimeout(this.#timer);
    const early = this.#early ?? [];
    this.#early = null;
    for (const message of early) this.#options.log.message(message);
  }
}
