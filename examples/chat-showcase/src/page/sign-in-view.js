// The way in: a name, a token if the server wants one. The name is remembered, the token only for a reload (kept-login.js).

import { clientIdFault } from 'headrace-example-broadcast-chat/client-id';
import { byId } from './element.js';
import { tidyId } from './typed.js';
import { causeSentence, idFaultSentence } from './words.js';

const NAME_KEY = 'broadcast-chat.name';

/** At the end of the page's address: not as who is remembered, who would lose the connection to us. */
export const SOMEBODY_ELSE = '?somebody-else';

/**
 * @typedef {object} SignInViewOptions
 * @property {(login: { id: string, token: string }) => void} onSignIn
 * @property {'none' | 'required' | 'optional'} token whether the server asks for one
 * @property {() => void} onEdit what was submitted before does not hold any more
 */

export class SignInView {
  #screen = byId('sign-in', HTMLElement);
  #form = byId('sign-in-form', HTMLFormElement);
  #name = byId('name', HTMLInputElement);
  #token = byId('token', HTMLInputElement);
  #join = byId('join', HTMLButtonElement);
  #error = byId('sign-in-error', HTMLElement);
  #progress = byId('sign-in-progress', HTMLElement);
  #options;

  /** @param {SignInViewOptions} options */
  constructor(options) {
    this.#options = options;
    const { token } = options;
    byId('token-field', HTMLElement).hidden = token === 'none';
    byId('token-hint', HTMLElement).textContent =
      token === 'required' ? 'this server asks for one' : 'only if the server asks for one';
    this.#token.required = token === 'required';
    this.#name.value = rememberedName();
    this.#form.addEventListener('input', options.onEdit);
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  /** @param {string} [cause] why the last attempt was refused */
  open(cause) {
    this.#screen.hidden = false;
    this.#fail(cause ? causeSentence(cause) : '');
    const field = cause === 'AUTH_FAILED' ? this.#token : this.#name;
    field.focus();
    field.select();
  }

  close() {
    this.#screen.hidden = true;
    this.#token.value = '';
    this.#fail('');
    this.#progress.textContent = '';
  }

  /** @param {import('../client/phase.ts').Phase} phase */
  show(phase) {
    this.#join.textContent = phase.name === 'connecting' ? 'Connecting…' : 'Join the room';
    if (phase.name === 'connecting') return; // an explanation stays until it is known to be over
    const isComingBack = phase.name === 'waiting';
    const sentence = isComingBack ? `${causeSentence(phase.because)} Trying again soon.` : '';
    this.#progress.textContent = sentence;
  }

  #submit() {
    const id = tidyId(this.#name.value);
    const fault = clientIdFault(id);
    this.#name.toggleAttribute('aria-invalid', fault !== undefined);
    if (fault) {
      this.#fail(idFaultSentence(fault));
      this.#name.focus();
      return;
    }
    if (this.#token.required && this.#token.value === '') {
      this.#fail('This server asks for a token.');
      this.#token.focus();
      return;
    }
    this.#fail('');
    rememberName(id);
    this.#options.onSignIn({ id, token: this.#token.value });
  }

  /** @param {string} sentence */
  #fail(sentence) {
    this.#error.textContent = sentence;
  }
}

function rememberedName() {
  if (location.search === SOMEBODY_ELSE) return '';
  try {
    return localStorage.getItem(NAME_KEY) ?? '';
  } catch {
    return ''; // storage is switched off: then the name is typed each time
  }
}

/** @param {string} name */
function rememberName(name) {
  if (location.search === SOMEBODY_ELSE) return;
  try {
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // as above
  }
}
