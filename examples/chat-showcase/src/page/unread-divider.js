// The line between what has been read and what came while nobody was looking.

import { element } from './element.js';

export class UnreadDivider {
  /** @type {HTMLElement | null} */
  #item = null;
  #isSeen = true;

  /** The reader was here since it was drawn: the next message that is missed gets a new one. */
  get mustMove() {
    return this.#isSeen;
  }

  seen() {
    this.#isSeen = true;
  }

  /** @param {HTMLElement} list whose end it goes to */
  moveTo(list) {
    this.remove();
    const attributes = { class: 'unread', 'data-testid': 'unread' };
    this.#item = element('li', attributes, element('span', {}, 'New'));
    this.#isSeen = false;
    list.append(this.#item);
  }

  remove() {
    this.#item?.remove();
    this.#item = null;
    this.#isSeen = true;
  }
}
