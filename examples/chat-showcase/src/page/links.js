// Finds addresses in a text. Pure.

/** Only the two schemes that are safe to follow. */
const ADDRESS = /https?:\/\/[^\s<>"'`\p{Cc}\p{Cf}]+/gu;

/** What ends a sentence does not belong to the address, nor does a bracket that was opened before it. */
const TRAILING = /[.,;:!?…”’)\]}]+$/;

/**
 * The text in parts: strings, and addresses with what they really lead to.
 *
 * @param {string} text
 * @returns {(string | { text: string, href: string })[]}
 */
export function linkParts(text) {
  const parts = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(ADDRESS)) {
    const shown = trimmed(found);
    const href = safeHref(shown);
    if (href === null) continue;
    if (index > end) parts.push(text.slice(end, index));
    parts.push({ text: shown, href });
    end = index + shown.length;
  }
  if (end < text.length) parts.push(text.slice(end));
  return parts;
}

/** @param {string} address */
function trimmed(address) {
  const shown = address.replace(TRAILING, '');
  // https://en.wikipedia.org/wiki/Netty_(software)
  return shown.includes('(') && address[shown.length] === ')' ? `${shown})` : shown;
}

/**
 * Null for what could mislead: a name before an @ looks like the host and is not.
 *
 * @param {string} address
 */
function safeHref(address) {
  if (!URL.canParse(address)) return null;
  const { href, username, password, hostname } = new URL(address);
  return username === '' && password === '' && hostname !== '' ? href : null;
}
