// The state of the connection: a small label always, a banner with a reason when something is up.

import { byId } from './element.js';
import { causeSentence, phaseLabel, roundTripLabel } from './words.js';

const BANNERS = new Set(['waiting', 'kicked', 'ending']);

/**
 * @typedef {object} StatusViewOptions
 * @property {() => void} onRetry
 * @property {() => void} onTakeOver sign in here again after a kick
 * @property {() => void} onOtherName
 */

export class StatusView {
  #label = byId('connection-label', HTMLElement);
  #roundTrip = byId('round-trip', HTMLElement);
  #spoken = byId('connection-spoken', HTMLElement);
  #banner = byId('banner', HTMLElement);
  #reason = byId('banner-text', HTMLElement);
  #retry = byId('retry-now', HTMLButtonElement);
  #takeOver = byId('take-over', HTMLButtonElement);
  #otherName = byId('other-name', HTMLButtonElement);
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #countdown;
  /** It was another tab that has the name now. */
  #hasSibling = false;

  /** @param {StatusViewOptions} options */
  constructor(options) {
    this.#retry.addEventListener('click', options.onRetry);
    this.#takeOver.addEventListener('click', options.onTakeOver);
    this.#otherName.addEventListener('click', options.onOtherName);
  }

  /** @param {import('../client/phase.ts').Phase} phase */
  show(phase) {
    document.body.dataset.phase = phase.name;
    if (phase.name === 'online') this.#hasSibling = false;
    this.#roundTrip.hidden = phase.name !== 'online';
    clearInterval(this.#countdown);
    const endsAt = performance.now() + (phase.name === 'waiting' ? phase.delayMs : 0);
    const tick = () => {
      const secondsLeft = Math.ceil((endsAt - performance.now()) / 1000);
      this.#label.textContent = phaseLabel(phase, secondsLeft);
    };
    tick();
    if (phase.name === 'waiting') this.#countdown = setInterval(tick, 250);
    this.#speak(phase);
    this.#showBanner(phase);
  }

  /** Another tab of this browser has signed in under this name; the server says so, too, before or after. */
  wentOnElsewhere() {
    this.#hasSibling = true;
    if (document.body.dataset.phase === 'kicked') this.#showBanner({ name: 'kicked' });
  }

  /** Beside "Online": how long the server takes to answer. @param {number} ms */
  showRoundTrip(ms) {
    this.#roundTrip.textContent = roundTripLabel(ms);
  }

  /** Screen readers hear a change of state, not every second of a countdown. @param {import('../client/phase.ts').Phase} phase */
  #speak(phase) {
    const spoken = phaseLabel(phase, 0);
    if (this.#spoken.textContent !== spoken) this.#spoken.textContent = spoken;
  }

  /** @param {import('../client/phase.ts').Phase} phase */
  #showBanner(phase) {
    if (phase.name === 'connecting' && !this.#banner.hidden) return; // no flicker between attempts
    this.#banner.hidden = !BANNERS.has(phase.name);
    this.#retry.hidden = phase.name !== 'waiting';
    this.#takeOver.hidden = phase.name !== 'kicked';
    this.#otherName.hidden = phase.name !== 'kicked';
    if (phase.name === 'waiting') this.#reason.textContent = causeSentence(phase.because);
    if (phase.name === 'kicked') {
      this.#reason.textContent = causeSentence(this.#hasSibling ? 'sibling' : 'KICKED');
    }
    if (phase.name === 'ending') this.#reason.textContent = causeSentence('restarting');
  }
}
