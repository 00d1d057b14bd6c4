// Own messages that the server has not confirmed yet, below the log. Each says where it stands.

import { messageElement } from './bubble.js';
import { element } from './element.js';
import { outgoingSentence } from './words.js';

/**
 * @typedef {object} OutboxViewOptions
 * @property {HTMLElement} list
 * @property {(key: number) => void} onRetry
 * @property {(key: number) => void} onDiscard
 */

export class OutboxView {
  #options;
  /** What is drawn, by the message's key. @type {Map<number, HTMLElement>} */
  #items = new Map();

  /** @param {OutboxViewOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /**
   * @param {string} self
   * @param {readonly Readonly<import('../client/outbox.ts').Outgoing>[]} messages
   */
  show(self, messages) {
    const before = this.#items;
    this.#items = new Map(
      messages.map((message) => {
        const drawn = before.get(message.key);
        const isCurrent = drawn?.dataset.state === message.state;
        return [message.key, isCurrent && drawn ? drawn : this.#item(self, message)];
      }),
    );
    this.#options.list.replaceChildren(...this.#items.values());
  }

  /**
   * @param {string} self
   * @param {Readonly<import('../client/outbox.ts').Outgoing>} message
   */
  #item(self, { key, text, state }) {
    const footer = element('p', { class: 'delivery' }, outgoingSentence(state));
    if (state === 'unconfirmed' || state === 'refused') {
      const { onRetry, onDiscard } = this.#options;
      if (state === 'unconfirmed') {
        footer.append(
          ' ',
          this.#button('Send again', 'retry-message', () => onRetry(key)),
        );
      }
      footer.append(
        ' ',
        this.#button('Discard', 'discard-message', () => onDiscard(key)),
      );
    }
    const item = messageElement({ sender: self, text, isOwn: true }, footer);
    item.classList.add('outgoing');
    item.dataset.testid = 'outgoing-message';
    item.dataset.state = state;
    return item;
  }

  /**
   * @param {string} label
   * @param {string} testId
   * @param {() => void} onClick
   */
  #button(label, testId, onClick) {
    const attributes = { type: 'button', class: 'link', 'data-testid': testId };
    const button = element('button', attributes, label);
    button.addEventListener('click', onClick);
    return button;
  }
}
