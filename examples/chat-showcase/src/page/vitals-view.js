// The figures in the panel: of one's own connection, and of the room, which are numbers only.

import { byId } from './element.js';
import { roundTripLabel } from './words.js';

/** At two looks a second. */
const RATE_LOOKS = 7;

const number = new Intl.NumberFormat();

export class VitalsView {
  /** The last looks at the room, the oldest first. @type {{ deliveries: number, at: number }[]} */
  #looks = [];

  reset() {
    this.#looks = [];
  }

  /** @param {number} ms */
  showRoundTrip(ms) {
    set('vital-round-trip', roundTripLabel(ms));
  }

  /**
   * @param {import('../page-line/page-message.ts').Vitals} vitals
   * @param {number} silentMs since this page said something
   */
  show(vitals, silentMs) {
    const { bytesIn, bytesOut, ownBytes, waitingBytes, maxWaitingBytes, room } = vitals;
    set('vital-in', bytes(bytesIn));
    set('vital-out', bytes(Math.max(0, bytesOut - ownBytes)));
    set('vital-own', bytes(ownBytes));
    set('vital-waiting', `${bytes(waitingBytes)} of ${bytes(maxWaitingBytes)}`);
    meter('waiting-meter', waitingBytes, maxWaitingBytes);
    set('vital-flow', flowLabel(vitals));
    const leftMs = Math.max(0, vitals.idleLimitMs - silentMs);
    set('vital-idle', `closed in ${Math.ceil(leftMs / 1000)} s without a word`);
    meter('idle-meter', silentMs, vitals.idleLimitMs);
    set('vital-members', number.format(room.members));
    set('vital-rate', `${number.format(this.#rate(room.deliveries))} /s`);
    set('vital-backlog', number.format(room.backlog));
    set('vital-slow', number.format(room.slowClosed));
    set('vital-deliveries', number.format(room.deliveries));
  }

  /** Over the last seconds: a burst of a moment would be over before it is seen. @param {number} deliveries */
  #rate(deliveries) {
    const at = performance.now();
    this.#looks.push({ deliveries, at });
    if (this.#looks.length > RATE_LOOKS) this.#looks.shift();
    const [first] = this.#looks;
    if (first === undefined || first.at === at) return 0;
    return Math.round((Math.max(0, deliveries - first.deliveries) / (at - first.at)) * 1000);
  }
}

/** @param {import('../page-line/page-message.ts').Vitals} vitals */
function flowLabel({ isWritable, readHolds }) {
  if (readHolds.length > 0) return `reading held: ${readHolds.join(', ')}`;
  return isWritable ? 'reading and writing' : 'not writable: you read too slowly';
}

/** @param {number} count */
function bytes(count) {
  if (count < 10_000) return `${number.format(count)} B`;
  const kib = Math.round(count / 1024);
  return kib < 1024
    ? `${kib} KiB`
    : `${number.format(Math.round((count / 2 ** 20) * 10) / 10)} MiB`;
}

/**
 * @param {string} id
 * @param {string} text
 */
function set(id, text) {
  byId(id, HTMLElement).textContent = text;
}

/**
 * @param {string} id
 * @param {number} value
 * @param {number} max
 */
function meter(id, value, max) {
  const part = Math.min(1, value / max);
  const bar = byId(id, HTMLElement);
  bar.style.setProperty('--part', String(part));
  bar.classList.toggle('high', part > 0.75);
}
