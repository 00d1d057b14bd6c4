// What an empty room shows: the ways to ask somebody in, each to copy.

import { byId, element } from './element.js';
import { SOMEBODY_ELSE } from './sign-in-view.js';

const COPIED_MS = 1600;

export class InviteView {
  #card = byId('invite', HTMLElement);
  #isAlone = false;

  constructor() {
    const { hostname, port, origin } = location;
    const isUsual = hostname === '127.0.0.1' && port === '18888';
    const place = isUsual ? '' : ` --host ${bare(hostname)} --port ${port || '80'}`;
    byId('invite-ways', HTMLElement).append(
      wayElement('A second tab', `${origin}/`, `/${SOMEBODY_ELSE}`),
      wayElement('A terminal', `npm run chat -- bob${place}`),
      wayElement('By hand', `nc ${bare(hostname)} ${port || '80'}`),
    );
  }

  /** @param {boolean} isAlone */
  show(isAlone) {
    if (isAlone === this.#isAlone) return;
    this.#isAlone = isAlone;
    this.#card.hidden = !isAlone;
  }

  /** Who talks to an empty room knows what to do: the card is not in the way until the next time. */
  talked() {
    this.#card.hidden = true;
  }
}

/** @param {string} hostname */
function bare(hostname) {
  return hostname.replace(/^\[|\]$/g, '');
}

/**
 * @param {string} label
 * @param {string} text what is copied
 * @param {string} [href]
 */
function wayElement(label, text, href) {
  const code = element('code', {}, text);
  const shown = href ? element('a', { href, target: '_blank', rel: 'noopener' }, code) : code;
  const attributes = { type: 'button', class: 'copy', 'aria-label': `Copy ${text}` };
  const copy = element('button', attributes, 'Copy');
  const said = element('span', { class: 'spoken', role: 'status' });
  copy.addEventListener('click', async () => {
    const isCopied = await copied(text, shown);
    copy.textContent = isCopied ? 'Copied' : 'Selected';
    said.textContent = isCopied ? 'Copied' : 'Selected';
    setTimeout(() => {
      copy.textContent = 'Copy';
      said.textContent = '';
    }, COPIED_MS);
  });
  return element('li', {}, element('span', { class: 'label' }, label), shown, copy, said);
}

/**
 * Browsers let pages copy only over HTTPS and from this machine; elsewhere the text is selected at least.
 *
 * @param {string} text
 * @param {Node} shown
 */
async function copied(text, shown) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection()?.selectAllChildren(shown);
    return false;
  }
}
