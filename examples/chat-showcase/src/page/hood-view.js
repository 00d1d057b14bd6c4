// "Under the hood": the panel beside the room that shows one's own connection at work. Closed, it costs nothing:
// the server puts its taps into the pipeline when it opens, and takes them out when it closes.

import { byId } from './element.js';
import { PipelineView } from './pipeline-view.js';
import { Tricks } from './tricks.js';
import { VitalsView } from './vitals-view.js';

/** The round trip is looked at more often while somebody watches. */
const PACE_MS = 4000;

export class HoodView {
  #panel = byId('hood', HTMLElement);
  #button = byId('hood-button', HTMLButtonElement);
  #close = byId('hood-close', HTMLButtonElement);
  #follow = byId('follow-one', HTMLInputElement);
  #pipeline = new PipelineView(byId('pipeline', HTMLElement));
  #vitals = new VitalsView();
  #tricks;
  #connection;
  #isOpen = false;

  /** @param {import('../client/chat-link.ts').ChatLink<string>} connection */
  constructor(connection) {
    this.#connection = connection;
    this.#tricks = new Tricks(connection);
    this.#button.addEventListener('click', () => this.#setOpen(!this.#isOpen));
    this.#follow.addEventListener('change', () => {
      this.#pipeline.setFollowing(this.#follow.checked);
    });
    this.#close.addEventListener('click', () => this.#setOpen(false));
    this.#panel.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.#setOpen(false);
    });
  }

  /** @param {import('../client/phase.ts').Phase} phase */
  phaseChanged(phase) {
    this.#tricks.phaseChanged(phase);
    this.#vitals.reset();
    if (phase.name === 'online' && this.#isOpen) this.#watch();
  }

  /** @param {import('../page-line/page-message.ts').PageMessage} news */
  told(news) {
    if (!this.#isOpen) return;
    if (news.kind === 'pipeline') this.#pipeline.draw(news.lanes);
    else if (news.kind === 'steps') this.#pipeline.play(news.steps, news.skipped);
    else if (news.kind === 'vitals') this.#vitals.show(news, this.#connection.silentMs);
  }

  /** @param {number} ms */
  roundTrip(ms) {
    if (this.#isOpen) this.#vitals.showRoundTrip(ms);
  }

  /** Signed out: nothing of one connection is shown to the next. */
  hide() {
    if (this.#isOpen) this.#setOpen(false);
  }

  /** @param {boolean} isOpen */
  #setOpen(isOpen) {
    this.#isOpen = isOpen;
    this.#panel.hidden = !isOpen;
    document.body.toggleAttribute('data-hood', isOpen);
    this.#button.setAttribute('aria-expanded', String(isOpen));
    if (isOpen) {
      this.#watch();
      this.#close.focus();
    } else {
      this.#connection.ask('hood-off');
      this.#connection.setPace(Number.POSITIVE_INFINITY);
      this.#tricks.stop();
      this.#pipeline.clear();
      this.#button.focus();
    }
  }

  #watch() {
    this.#connection.ask('hood-on');
    this.#connection.setPace(PACE_MS);
  }
}
