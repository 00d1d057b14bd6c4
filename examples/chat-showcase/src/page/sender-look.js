// What a name looks like: always the same color and initials, on every page. Pure.

/** As many as theme.css has `--sender-N` colors. */
export const SENDER_COLORS = 16;

/**
 * FNV-1a over the name, with its bits mixed once more: similar names get distant colors.
 *
 * @param {string} id
 */
export function senderColor(id) {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash ^= hash >>> 12;
  return (hash >>> 0) % SENDER_COLORS;
}

/**
 * The first letter of the first two words.
 *
 * @param {string} id
 */
export function senderInitials(id) {
  const words = id.split(/[\s._\-/]+/u).filter((word) => word !== '');
  const letters = (words.length > 0 ? words : [id]).slice(0, 2).map(firstLetter);
  return letters.join('').toUpperCase();
}

/** @param {string} word a letter may be several code points: é, a flag, a family */
function firstLetter(word) {
  if (typeof Intl.Segmenter !== 'function') return [...word][0] ?? '';
  for (const { segment } of new Intl.Segmenter().segment(word)) return segment;
  return '';
}
