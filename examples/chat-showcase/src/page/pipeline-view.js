// The pipelines of one's own connection, from the socket at the top to the room at the bottom: what comes in runs
// down on the left, what goes out runs up on the right. Handlers light up as a message passes. One message at a time can
// be followed: slowly, with its trail, while the others pass unseen.

import { element } from './element.js';
import { isHeartbeat, journeysOf } from './journeys.js';

/** One after the other, so that the eye can follow; a crowd goes faster. */
const STEP_MS = 55;
const ALL_STEPS_MS = 1400;
const LIT_MS = 1300;
/** Of one message that is followed. */
const FOLLOWED_STEP_MS = 600;
/** Its trail is left to be read for so long. */
const FOLLOWED_PAUSE_MS = 2000;

/** @typedef {{ item: HTMLElement, name: HTMLElement, what: HTMLElement, kind: HTMLElement }} Row */

export class PipelineView {
  #root;
  /** @type {readonly import('../page-line/page-message.ts').DrawnLane[]} */
  #lanes = [];
  /** By lane, then by number; the room is one more. @type {Row[][]} */
  #rows = [];
  /** The messages that passed while one was followed; null: none is. @type {number | null} */
  #unseen = null;
  /** @type {import('../page-line/page-message.ts').Step[]} */
  #queue = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #stillness = matchMedia('(prefers-reduced-motion: reduce)');

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  /** @param {readonly import('../page-line/page-message.ts').DrawnLane[]} lanes */
  draw(lanes) {
    this.clear();
    this.#lanes = lanes;
    const room = row('the room', null);
    const drawn = lanes.map(({ title, handlers }) => {
      const rows = handlers.map((handler) => row(shortName(handler.name, title), handler));
      const list = element('ol', { class: 'lane-rows' }, ...rows.map(({ item }) => item));
      const heading = element('h4', {}, title);
      this.#rows.push([...rows, room]);
      return element('section', { class: 'lane', 'data-testid': 'lane' }, heading, list);
    });
    const end = element('ol', { class: 'lane-end' }, room.item);
    this.#root.append(element('p', { class: 'lane-start' }, 'socket'), ...drawn, end);
  }

  /**
   * @param {readonly import('../page-line/page-message.ts').Step[]} steps
   * @param {number} skipped
   */
  play(steps, skipped) {
    if (this.#unseen !== null) {
      const journeys = journeysOf(steps, this.#lanes);
      this.#follow(journeys.filter((journey) => !isHeartbeat(journey)));
      return;
    }
    this.#root.dataset.skipped = skipped > 0 ? `and ${skipped.toLocaleString()} more steps` : '';
    this.#queue.push(...steps);
    if (this.#stillness.matches) while (this.#queue.length > 0) this.#playOne();
    else this.#timer ??= setTimeout(() => this.#next(), 0);
  }

  /**
   * One message at a time, or all of them.
   *
   * @param {boolean} isOne
   */
  setFollowing(isOne) {
    this.#stop();
    this.#unseen = isOne ? 0 : null;
    this.#root.dataset.skipped = '';
    this.#root.toggleAttribute('data-following', isOne);
    this.#forgetTrail();
  }

  clear() {
    this.#stop();
    this.#rows = [];
    this.#root.replaceChildren();
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#queue = [];
  }

  /** @param {import('../page-line/page-message.ts').Step[][]} journeys */
  #follow(journeys) {
    const [first, ...others] = this.#timer === undefined ? journeys : [undefined, ...journeys];
    this.#unseen = (this.#unseen ?? 0) + others.length;
    if (first !== undefined) {
      this.#forgetTrail();
      this.#unseen = others.length;
      this.#queue = [...first];
      this.#followNext(1);
    }
    const passed =
      this.#unseen === 1 ? '1 more message' : `${this.#unseen.toLocaleString()} more messages`;
    this.#root.dataset.skipped = this.#unseen > 0 ? `meanwhile ${passed} passed` : '';
  }

  /** @param {number} number of the step */
  #followNext(number) {
    const row = this.#playOne();
    if (row) {
      for (const now of this.#root.querySelectorAll('[data-now]')) now.removeAttribute('data-now');
      row.item.dataset.now = '';
      row.name.dataset.step = [row.name.dataset.step, number].filter(Boolean).join(' · ');
    }
    const isOver = this.#queue.length === 0;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        if (!isOver) this.#followNext(number + 1);
      },
      isOver ? FOLLOWED_PAUSE_MS : FOLLOWED_STEP_MS,
    );
  }

  #forgetTrail() {
    for (const { item, name, kind, what } of this.#rows.flat()) {
      delete name.dataset.step;
      delete item.dataset.now;
      kind.textContent = '';
      what.textContent = '';
    }
  }

  #next() {
    const waitMs = Math.min(STEP_MS, ALL_STEPS_MS / this.#queue.length);
    // Timers are no faster than some milliseconds: a crowd goes several at a time.
    const count = Math.ceil(5 / waitMs);
    for (let i = 0; i < count; i += 1) this.#playOne();
    this.#timer =
      this.#queue.length > 0 ? setTimeout(() => this.#next(), Math.max(5, waitMs)) : undefined;
  }

  #playOne() {
    const step = this.#queue.shift();
    const drawn = step && this.#rows[step.lane]?.[step.handler];
    if (!step || !drawn) return undefined;
    const { item, kind, what } = drawn;
    const way = wayOf(step);
    item.dataset.way = way;
    kind.textContent = step.deed === 'held' ? 'held' : step.kind;
    what.textContent = step.what;
    what.title = `${step.deed} ${step.kind} ${step.what}`;
    if (this.#stillness.matches) return drawn;
    const lit = { backgroundColor: `var(--lit-${way})` };
    item.animate([lit, { ...lit, offset: 0.35 }, { backgroundColor: 'transparent' }], LIT_MS);
    return drawn;
  }
}

/**
 * @param {string} label
 * @param {import('../page-line/page-message.ts').DrawnHandler | null} handler
 * @returns {Row}
 */
function row(label, handler) {
  const name = element('span', { class: 'handler', title: handler?.name ?? label }, label);
  const kind = element('span', { class: 'kind' });
  const what = element('span', { class: 'what' });
  const item = element('li', {}, mark('in', handler === null || handler.reads), name, kind, what);
  item.append(mark('out', handler === null || handler.writes));
  item.dataset.testid = 'handler';
  if (handler?.events) name.append(element('span', { class: 'sees', title: 'takes events' }, '⚡'));
  return { item, name, kind, what };
}

/**
 * @param {'in' | 'out'} way
 * @param {boolean} isTaken the handler takes part in this direction
 */
function mark(way, isTaken) {
  const arrow = way === 'in' ? '▼' : '▲';
  return element('span', { class: `mark ${way}`, 'aria-hidden': 'true' }, isTaken ? arrow : '');
}

/** @param {import('../page-line/page-message.ts').Step} step */
function wayOf({ kind, deed }) {
  if (kind === 'event') return 'event';
  return deed === 'wrote' || deed === 'held' ? 'out' : 'in';
}

/**
 * `ChatAuthHandler` is "auth", as in the README's picture; what the lane is called need not be said again.
 *
 * @param {string} name
 * @param {string} lane
 */
function shortName(name, lane) {
  let bare = name.replace(/#\d+$/, '').replace(/^(?:Chat|Room)(?=[A-Z])/, '');
  if (bare.startsWith(lane)) bare = bare.slice(lane.length);
  const words = bare.replace(/(.)Handler$/, '$1').match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])/g);
  return (words ?? [name]).join(' ').toLowerCase();
}
