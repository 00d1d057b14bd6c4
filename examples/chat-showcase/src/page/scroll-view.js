// Follows the end of the log while the reader is there, and leaves readers of older messages alone.

import { newMessagesLabel } from './words.js';

/** This close to the end counts as being there. */
const NEAR_END_PX = 60;

export class ScrollView {
  #scroller;
  #pill;
  #isAtEnd = true;
  #unseen = 0;

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} content what grows inside it
   * @param {HTMLElement} pill
   */
  constructor(scroller, content, pill) {
    this.#scroller = scroller;
    this.#pill = pill;
    scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    pill.addEventListener('click', () => this.toEnd());
    const resized = new ResizeObserver(() => {
      if (this.#isAtEnd) this.#jump();
    });
    resized.observe(scroller);
    resized.observe(content);
  }

  get isAtEnd() {
    return this.#isAtEnd;
  }

  toEnd() {
    this.#isAtEnd = true;
    this.#jump();
    this.#setUnseen(0);
  }

  /**
   * Something is added at the end.
   *
   * @param {() => void} change
   */
  keepPlace(change) {
    change();
    if (this.#isAtEnd) this.#jump();
  }

  /**
   * Something is removed at the beginning; what is being read stays where it is.
   *
   * @param {() => void} change
   */
  keepPlaceBelow(change) {
    if (this.#isAtEnd) {
      change();
      return;
    }
    const before = this.#scroller.scrollHeight;
    const top = this.#scroller.scrollTop;
    change();
    this.#scroller.scrollTop = top - (before - this.#scroller.scrollHeight);
  }

  /** @param {number} count messages that were just added at the end */
  countUnseen(count) {
    if (!this.#isAtEnd) this.#setUnseen(this.#unseen + count);
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (this.#isAtEnd) this.#setUnseen(0);
    else this.#showPill();
  }

  #jump() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  /** @param {number} count */
  #setUnseen(count) {
    this.#unseen = count;
    this.#showPill();
  }

  #showPill() {
    this.#pill.hidden = this.#isAtEnd || this.#unseen === 0;
    this.#pill.textContent = newMessagesLabel(this.#unseen);
  }
}
