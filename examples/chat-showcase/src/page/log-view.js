// The room's log: messages, notices and days, drawn in batches, the last 500 kept.

import { messageElement } from './bubble.js';
import { element } from './element.js';
import { continuesGroup, dayLabel, isSameDay } from './timeline.js';
import { UnreadDivider } from './unread-divider.js';
import { presenceParts } from './words.js';

export const MAX_ENTRIES = 500;

/** A notice of comings and goings stops growing here. */
const MAX_CHANGES = 1000;

/** A burst of messages is drawn together, about once per frame. */
const DRAW_AFTER_MS = 16;

/**
 * @typedef {{ sender: string, text: string, isOwn: boolean, at: Date, isPast: boolean }} Message
 *   `isPast`: it was said before we came, or while we were away
 * @typedef {{ kind: 'message', message: Message }
 *   | { kind: 'notice', text: string, at: Date, isOfLink: boolean }
 *   | { kind: 'presence', changes: Changes, at: Date }} Entry
 *
 * @typedef {Map<string, 'joined' | 'left'>} Changes the last change of each member
 */

export class LogView {
  #list;
  #scroll;
  /** @type {Entry[]} */
  #toDraw = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {Message | null} */
  #previous = null;
  /** @type {Date | null} */
  #day = null;
  /** The notice that still grows. @type {{ item: HTMLElement, changes: Changes } | null} */
  #presence = null;
  /** The latest notice about the link. @type {HTMLElement | null} */
  #link = null;

  #unread = new UnreadDivider();

  /**
   * @param {HTMLElement} list
   * @param {import('./scroll-view.js').ScrollView} scroll
   */
  constructor(list, scroll) {
    this.#list = list;
    this.#scroll = scroll;
  }

  /** @param {Message} message */
  message(message) {
    this.#add({ kind: 'message', message });
    if (message.isOwn && !message.isPast) this.#draw();
  }

  /** @param {string} text */
  notice(text) {
    this.#add({ kind: 'notice', text, at: new Date(), isOfLink: false });
  }

  /**
   * What became of the link: of several in a row the last one is there, so that a bad line does not fill the room.
   *
   * @param {string} text
   */
  linkNotice(text) {
    this.#add({ kind: 'notice', text, at: new Date(), isOfLink: true });
  }

  /**
   * @param {string} id
   * @param {'joined' | 'left'} change
   */
  presence(id, change) {
    const last = this.#toDraw.at(-1);
    if (last?.kind === 'presence') noteChange(last.changes, id, change);
    else this.#add({ kind: 'presence', changes: new Map([[id, change]]), at: new Date() });
  }

  /** The reader is looking at the end of the log. */
  seen() {
    this.#unread.seen();
  }

  clear() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#toDraw = [];
    this.#unread.remove();
    this.#list.replaceChildren();
    this.#startOver();
    this.#day = null;
  }

  /** @param {Entry} entry */
  #add(entry) {
    this.#toDraw.push(entry);
    if (this.#toDraw.length > MAX_ENTRIES) this.#toDraw.shift();
    this.#timer ??= setTimeout(() => this.#draw(), DRAW_AFTER_MS);
  }

  #draw() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const entries = this.#toDraw;
    this.#toDraw = [];
    this.#scroll.keepPlace(() => {
      for (const entry of entries) this.#drawOne(entry);
    });
    this.#scroll.keepPlaceBelow(() => this.#trim());
    this.#scroll.countUnseen(entries.filter(isNews).length);
  }

  /** @param {Entry} entry */
  #drawOne(entry) {
    if (entry.kind === 'message') {
      if (isNews(entry)) this.#divide();
      else if (entry.message.isOwn) this.#unread.remove();
      this.#drawMessage(entry.message);
    } else {
      this.#drawDay(entry.at);
      if (entry.kind === 'presence') this.#drawPresence(entry.changes);
      else if (entry.isOfLink) this.#drawLink(entry.text);
      else this.#drawNotice(element('span', {}, entry.text));
    }
  }

  /** Where the first message goes that nobody was there to read. */
  #divide() {
    if (!document.hidden && this.#scroll.isAtEnd) this.#unread.seen();
    else if (this.#unread.mustMove) {
      this.#startOver();
      this.#unread.moveTo(this.#list);
    }
  }

  /** @param {Message} message */
  #drawMessage(message) {
    this.#drawDay(message.at);
    const item = messageElement(message);
    if (continuesGroup(this.#previous, message)) item.classList.add('continued');
    this.#startOver();
    this.#previous = message;
    this.#list.append(item);
  }

  /** @param {Node} content */
  #drawNotice(content) {
    this.#startOver();
    const item = element('li', { class: 'notice', 'data-testid': 'notice' }, content);
    this.#list.append(item);
    return item;
  }

  /** @param {string} text */
  #drawLink(text) {
    const shown = element('span', {}, text);
    if (this.#link !== null && this.#link === this.#list.lastElementChild) {
      this.#link.replaceChildren(shown);
    } else this.#link = this.#drawNotice(shown);
  }

  /** @param {Changes} changes */
  #drawPresence(changes) {
    if (this.#presence && this.#presence.changes.size > MAX_CHANGES) this.#startOver();
    this.#presence ??= { changes: new Map(), item: this.#drawNotice(element('span')) };
    const presence = this.#presence;
    for (const [id, change] of changes) noteChange(presence.changes, id, change);
    const parts = presenceParts(presence.changes).map((part) =>
      typeof part === 'string' ? part : element('bdi', {}, part.name),
    );
    presence.item.replaceChildren(element('span', {}, ...parts));
  }

  /** Yesterday's "Today" is put right when a new day begins. @param {Date} at */
  #drawDay(at) {
    if (this.#day !== null && isSameDay(this.#day, at)) return;
    this.#startOver();
    this.#day = at;
    const label = element('time', { datetime: at.toISOString() });
    const item = element('li', { class: 'day', 'data-testid': 'day-separator' }, label);
    this.#list.append(item);
    for (const time of this.#list.querySelectorAll('.day > time')) {
      time.textContent = dayLabel(new Date(time.getAttribute('datetime') ?? ''), at);
    }
  }

  /** What comes next stands for itself: neither group nor notice goes on. */
  #startOver() {
    this.#previous = null;
    this.#presence = null;
  }

  #trim() {
    while (this.#list.childElementCount > MAX_ENTRIES) this.#list.firstElementChild?.remove();
    this.#list.firstElementChild?.classList.remove('continued');
  }
}

/** Somebody else said it just now. @param {Entry} entry */
function isNews(entry) {
  return entry.kind === 'message' && !entry.message.isOwn && !entry.message.isPast;
}

/**
 * The latest change of a member goes last.
 *
 * @param {Changes} changes
 * @param {string} id
 * @param {'joined' | 'left'} change
 */
function noteChange(changes, id, change) {
  changes.delete(id);
  changes.set(id, change);
}
