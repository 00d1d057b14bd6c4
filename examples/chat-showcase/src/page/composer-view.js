// The field for one's own message: Enter sends it, Shift and Enter begin a new line.

import { byId } from './element.js';
import { byteLength, checkText, MAX_MESSAGE_BYTES, tidyText } from './typed.js';
import { roomHint, textFaultSentence } from './words.js';

export class ComposerView {
  #form = byId('composer', HTMLFormElement);
  #field = byId('message', HTMLTextAreaElement);
  #send = byId('send', HTMLButtonElement);
  #hint = byId('composer-hint', HTMLElement);
  #room = byId('composer-room', HTMLElement);
  #onSend;

  /** @param {(text: string) => string} onSend takes the text, or says why not */
  constructor(onSend) {
    this.#onSend = onSend;
    this.#field.addEventListener('input', () => this.#typed());
    this.#field.addEventListener('keydown', (event) => this.#pressed(event));
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  focus() {
    this.#field.focus();
  }

  /** @param {boolean} isEnabled */
  enable(isEnabled) {
    this.#field.readOnly = !isEnabled; // not disabled: that would throw the focus away
    this.#send.disabled = !isEnabled;
  }

  clear() {
    this.#field.value = '';
    this.#typed();
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    // Enter that ends the composition of a character is not meant for us; 229 is how Safari says so.
    if (event.key !== 'Enter' || event.isComposing || event.keyCode === 229) return;
    if (event.shiftKey) return;
    event.preventDefault();
    this.#submit();
  }

  #typed() {
    this.#hint.textContent = '';
    this.#grow();
    this.#showRoom();
  }

  /** As high as its text, up to a limit that the style sheet sets. */
  #grow() {
    this.#field.style.height = 'auto';
    this.#field.style.height = `${this.#field.scrollHeight}px`;
  }

  #showRoom() {
    // A character has at most three bytes: short texts need not be counted at every key.
    const { value } = this.#field;
    const bytes = value.length * 3 < MAX_MESSAGE_BYTES / 2 ? 0 : byteLength(value.trim());
    this.#room.textContent = roomHint(bytes, MAX_MESSAGE_BYTES);
    this.#room.classList.toggle('over', bytes > MAX_MESSAGE_BYTES);
  }

  #submit() {
    if (this.#field.readOnly) return;
    const text = tidyText(this.#field.value);
    const fault = checkText(text);
    const refusal = fault ? textFaultSentence(fault) : this.#onSend(text);
    if (fault === null && refusal === '') this.clear();
    else this.#hint.textContent = refusal;
    this.#field.focus();
  }
}
