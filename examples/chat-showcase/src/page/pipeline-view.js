// The pipelines of one's own connection, from the socket at the top to the room at the bottom: what comes in runs
// down on the left, what goes out runs up on the right. Handlers light up as a message passes.

import { element } from './element.js';

/** One after the other, so that the eye can follow; a crowd goes faster. */
const STEP_MS = 55;
const ALL_STEPS_MS = 1400;
const LIT_MS = 1300;

/** @typedef {{ item: HTMLElement, what: HTMLElement, kind: HTMLElement }} Row */

export class PipelineView {
  #root;
  /** By lane, then by number; the room is one more. @type {Row[][]} */
  #rows = [];
  /** @type {import('./page-line.js').Step[]} */
  #queue = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #stillness = matchMedia('(prefers-reduced-motion: reduce)');

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  /** @param {import('./page-line.js').DrawnLane[]} lanes */
  draw(lanes) {
    this.clear();
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
   * @param {import('./page-line.js').Step[]} steps
   * @param {number} skipped
   */
  play(steps, skipped) {
    this.#root.dataset.skipped = skipped > 0 ? `and ${skipped.toLocaleString()} more steps` : '';
    this.#queue.push(...steps);
    if (this.#stillness.matches) while (this.#queue.length > 0) this.#playOne();
    else this.#timer ??= setTimeout(() => this.#next(), 0);
  }

  clear() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#queue = [];
    this.#rows = [];
    this.#root.replaceChildren();
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
    if (!step || !drawn) return;
    const { item, kind, what } = drawn;
    const way = wayOf(step);
    item.dataset.way = way;
    kind.textContent = step.deed === 'held' ? 'held' : step.kind;
    what.textContent = step.what;
    what.title = `${step.deed} ${step.kind} ${step.what}`;
    if (this.#stillness.matches) return;
    const lit = { backgroundColor: `var(--lit-${way})` };
    item.animate([lit, { ...lit, offset: 0.35 }, { backgroundColor: 'transparent' }], LIT_MS);
  }
}

/**
 * @param {string} label
 * @param {import('./page-line.js').DrawnHandler | null} handler
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
  return { item, kind, what };
}

/**
 * @param {'in' | 'out'} way
 * @param {boolean} isTaken the handler takes part in this direction
 */
function mark(way, isTaken) {
  const arrow = way === 'in' ? '▼' : '▲';
  return element('span', { class: `mark ${way}`, 'aria-hidden': 'true' }, isTaken ? arrow : '');
}

/** @param {import('./page-line.js').Step} step */
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
