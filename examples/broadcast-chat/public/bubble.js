// One message as it is drawn: avatar, sender, text, time, and room for a footer.

import { element } from './element.js';
import { senderColor, senderInitials } from './sender-look.js';

/** Longer texts are folded, so that one message cannot fill the room. */
const FOLD_ABOVE_CHARACTERS = 1200;
const FOLD_ABOVE_LINES = 16;

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });

/**
 * @param {{ sender: string, text: string, isOwn: boolean, at?: Date }} message
 * @param {...Node} footer
 */
export function messageElement({ sender, text, isOwn, at }, ...footer) {
  const bubble = element('div', { class: 'bubble' }, ...textElements(text));
  if (at) bubble.append(timeElement(at));
  const name = element('bdi', {}, isOwn ? 'You' : sender);
  const body = element('div', { class: 'body' }, element('p', { class: 'sender' }, name), bubble);
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
 * Lets everything inside use the sender's colour.
 *
 * @param {HTMLElement} target
 * @param {string} id
 */
export function tint(target, id) {
  target.style.setProperty('--sender', `var(--sender-${senderColor(id)})`);
}

/** @param {string} text */
function textElements(text) {
  const shown = element('p', { class: 'text', dir: 'auto', 'data-testid': 'message-text' }, text);
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

/** @param {Date} at */
function timeElement(at) {
  const attributes = { datetime: at.toISOString(), title: `Received ${full.format(at)}` };
  return element('time', attributes, clock.format(at));
}
