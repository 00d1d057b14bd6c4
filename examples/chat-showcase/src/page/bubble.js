// One message as it is drawn: avatar, sender and time once for a group, text, and room for a footer.

import { element } from './element.js';
import { linkParts } from './links.js';
import { senderColor, senderInitials } from './sender-look.js';

/** Longer texts are folded, so that one message cannot fill the room. */
const FOLD_ABOVE_CHARACTERS = 1200;
const FOLD_ABOVE_LINES = 16;

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });

/**
 * @param {{ sender: string, text: string, isOwn: boolean, at?: Date }} message
 * @param {...Node} footer
 */
export function messageElement({ sender, text, isOwn, at }, ...footer) {
  const bubble = element('div', { class: 'bubble' }, ...textElements(text));
  const name = element('bdi', { class: 'name' }, isOwn ? 'You' : sender);
  const head = element('p', { class: 'sender' }, name);
  if (at) {
    head.append(' ', timeElement(at));
    bubble.title = `Received ${full.format(at)}`;
  }
  const body = element('div', { class: 'body' }, head, bubble);
  body.append(...footer);
  const item = element('li', { class: `message ${isOwn ? 'own' : 'other'}` }, body);
  item.dataset.testid = 'message';
  item.dataset.sender = sender;
  if (!isOwn) item.prepend(avatar(sender));
  tint(item, sender);
  return item;
}

/** @param {string} id */
export function avatar(id) {
  return element('span', { class: 'avatar', 'aria-hidden': 'true' }, senderInitials(id));
}

/**
 * Lets everything inside use the sender's color.
 *
 * @param {HTMLElement} target
 * @param {string} id
 */
export function tint(target, id) {
  target.style.setProperty('--sender', `var(--sender-${senderColor(id)})`);
}

/** @param {string} text */
function textElements(text) {
  const attributes = { class: 'text', dir: 'auto', 'data-testid': 'message-text' };
  const shown = element('p', attributes, ...linkParts(text).map(partElement));
  if (
    text.length <= FOLD_ABOVE_CHARACTERS &&
    text.split('\n', FOLD_ABOVE_LINES + 1).length <= FOLD_ABOVE_LINES
  ) {
    return [shown];
  }
  shown.classList.add('folded');
  const unfold = element('button', { type: 'button', class: 'link' }, 'Show all of it');
  unfold.addEventListener('click', () => {
    const isFolded = shown.classList.toggle('folded');
    unfold.textContent = isFolded ? 'Show all of it' : 'Show less';
  });
  return [shown, unfold];
}

/**
 * Another site learns nothing of this one, and gets no hold of it.
 *
 * @param {string | { text: string, href: string }} part
 */
function partElement(part) {
  if (typeof part === 'string') return part;
  const { text, href } = part;
  const attributes = { href, title: href, target: '_blank', rel: 'noopener noreferrer nofollow' };
  return element('a', attributes, text);
}

/** @param {Date} at */
function timeElement(at) {
  return element('time', { datetime: at.toISOString() }, clock.format(at));
}
