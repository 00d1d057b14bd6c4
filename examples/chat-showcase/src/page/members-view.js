// The list of members, and the sheet it lies in on a phone.

import { avatar, tint } from './bubble.js';
import { byId, element } from './element.js';

/** More names than this help nobody. */
const MAX_SHOWN = 200;

/** How somebody came in. */
const WAYS = {
  page: 'This page, over a WebSocket',
  frames: 'A terminal client, in length-prefixed frames',
  lines: 'Plain lines, as from nc',
};

/** A crowd that joins at once is drawn once. */
const DRAW_AFTER_MS = 50;

export class MembersView {
  #list = byId('people', HTMLUListElement);
  #counts = [byId('people-count', HTMLElement), byId('people-button-count', HTMLElement)];
  #sheet = byId('people-sheet', HTMLElement);
  #openButton = byId('people-button', HTMLButtonElement);
  #members;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {import('./members.js').Members} members */
  constructor(members) {
    this.#members = members;
    this.#openButton.addEventListener('click', () => this.#setOpen(true));
    byId('people-close', HTMLButtonElement).addEventListener('click', () => this.#setOpen(false));
    byId('people-backdrop', HTMLElement).addEventListener('click', () => this.#setOpen(false));
    this.#sheet.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.#setOpen(false);
    });
    this.#sheet.addEventListener('focusout', ({ relatedTarget }) => {
      if (relatedTarget instanceof Node && !this.#sheet.contains(relatedTarget)) this.close();
    });
  }

  changed() {
    this.#timer ??= setTimeout(() => this.#draw(), DRAW_AFTER_MS);
  }

  close() {
    this.#sheet.classList.remove('open');
    this.#openButton.setAttribute('aria-expanded', 'false');
  }

  /** @param {boolean} isOpen */
  #setOpen(isOpen) {
    if (!isOpen) {
      this.close();
      this.#openButton.focus();
      return;
    }
    this.#sheet.classList.add('open');
    this.#openButton.setAttribute('aria-expanded', 'true');
    byId('people-close', HTMLButtonElement).focus();
  }

  #draw() {
    this.#timer = undefined;
    const list = this.#members.list();
    const items = list.slice(0, MAX_SHOWN).map(memberItem);
    if (list.length > MAX_SHOWN) {
      const more = `and ${(list.length - MAX_SHOWN).toLocaleString()} more`;
      items.push(element('li', { class: 'more' }, more));
    }
    this.#list.replaceChildren(...items);
    for (const count of this.#counts) count.textContent = this.#members.count.toLocaleString();
  }
}

/** @param {import('./members.js').Member} member */
function memberItem({ id, isSelf, way }) {
  const name = element('span', { class: 'name' }, element('bdi', { title: id }, id));
  const item = element('li', { 'data-testid': 'person', 'data-name': id }, avatar(id), name);
  tint(item, id);
  if (isSelf) item.append(element('span', { class: 'tag' }, 'you'));
  if (way) {
    const attributes = { class: 'way', title: WAYS[way] ?? '', 'data-testid': 'way' };
    item.append(element('span', attributes, way));
  }
  return item;
}
