// The panel's buttons: what can go wrong with a connection, tried on one's own.

import { byId } from './element.js';
import { causeSentence } from './words.js';

const FLOOD = 40;
/** One flood at a time, and not one after the other: the others in the room see it, too. */
const FLOOD_PAUSE_MS = 5000;

const SLOW =
  'You have stopped reading. What is meant for you waits on the server, and after ten seconds it closes you as a slow consumer. Nobody else waits.';
const FLOODED = `${FLOOD} messages in one burst: look at the deliveries.`;
const CUT = 'The server resets your connection.';
const SILENT =
  'You have stopped speaking, heartbeats included, and the server has shortened your idle limit to 10 s.';
const SPEAKING = 'You speak again: a heartbeat, and the idle limit is what it was.';

export class Tricks {
  #connection;
  #slow = byId('trick-slow', HTMLButtonElement);
  #flood = byId('trick-flood', HTMLButtonElement);
  #cut = byId('trick-cut', HTMLButtonElement);
  #silent = byId('trick-silent', HTMLButtonElement);
  #status = byId('trick-status', HTMLElement);
  #isOnline = false;
  #isSilent = false;
  #isSlow = false;
  #isFlooding = false;

  /** @param {import('../client/chat-link.ts').ChatLink<string>} connection */
  constructor(connection) {
    this.#connection = connection;
    this.#slow.addEventListener('click', () => this.#makeSlow());
    this.#flood.addEventListener('click', () => this.#sendFlood());
    this.#cut.addEventListener('click', () => this.#cutLine());
    this.#silent.addEventListener('click', () => this.#toggleSilence());
  }

  /** @param {import('../client/phase.ts').Phase} phase */
  phaseChanged(phase) {
    this.#isOnline = phase.name === 'online';
    if (this.#isOnline && this.#status.textContent !== '') {
      this.#status.textContent += ' Back, with a new connection.';
    }
    if (phase.name === 'waiting') this.#status.textContent = causeSentence(phase.because);
    if (!this.#isOnline) this.#forget();
    this.#show();
  }

  /** The panel closes: what it had changed is undone. */
  stop() {
    if (this.#isSilent || this.#isSlow) this.#connection.speakUp();
    this.#forget();
    this.#status.textContent = '';
    this.#show();
  }

  #makeSlow() {
    this.#isSlow = true;
    this.#connection.ask('slow');
    // Something to wait, even in a quiet room; its answer is not missed meanwhile.
    this.#connection.send('PING');
    this.#connection.fallSilent();
    this.#say(SLOW);
  }

  #sendFlood() {
    this.#isFlooding = true;
    setTimeout(() => {
      this.#isFlooding = false;
      this.#show();
    }, FLOOD_PAUSE_MS);
    for (let i = 1; i <= FLOOD; i += 1) this.#connection.send(`flood ${i}/${FLOOD}`);
    this.#say(FLOODED);
  }

  #cutLine() {
    this.#connection.ask('cut');
    this.#say(CUT);
  }

  #toggleSilence() {
    this.#isSilent = !this.#isSilent;
    if (this.#isSilent) this.#connection.fallSilent();
    this.#connection.ask(this.#isSilent ? 'silent' : 'speak');
    if (!this.#isSilent) this.#connection.speakUp();
    this.#say(this.#isSilent ? SILENT : SPEAKING);
  }

  #forget() {
    this.#isSilent = false;
    this.#isSlow = false;
  }

  /** @param {string} text */
  #say(text) {
    this.#status.textContent = text;
    this.#show();
  }

  #show() {
    this.#slow.disabled = !this.#isOnline || this.#isSlow;
    this.#flood.disabled = !this.#isOnline || this.#isFlooding;
    this.#cut.disabled = !this.#isOnline;
    this.#silent.disabled = !this.#isOnline || this.#isSlow;
    this.#silent.textContent = this.#isSilent ? 'Speak up' : 'Go silent';
    this.#silent.classList.toggle('on', this.#isSilent);
  }
}
