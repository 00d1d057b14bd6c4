// The ids that a client may have: two ids that look the same are one, and none moves a cursor.

const MAX_CHARACTERS = 64;

/** Letters, marks, digits, punctuation, symbols and the plain space of Unicode. */
const ALLOWED = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u;

/**
 * Characters of these categories that cannot be seen: fillers, joiners and variation selectors (Unicode's
 * Default_Ignorable_Code_Point), the empty braille cell, the musical null note head.
 */
const INVISIBLE = /[\p{DI}\u{2800}\u{1d159}]/u;

/** The reason why an id is refused. */
export type ClientIdFault = 'empty' | 'too-long' | 'characters' | 'spaces' | 'colon';

/** The form in which ids are shown: an é is one character, however it was typed. */
export function normalizeClientId(id: string): string {
  return id.trim().normalize('NFC');
}

/**
 * The form in which normalized ids are compared: those that differ in case alone are one (Unicode's default case folding:
 * `ß` is `ss`; of the letters of one class only the dotless ı is not its capital's).
 */
export function clientIdKey(id: string): string {
  const folded = [...id].map((character) =>
    character === 'ı' ? character : character.toLowerCase().toUpperCase().toLowerCase(),
  );
  return folded.join('').normalize('NFC');
}

/** The fault of an id that has been normalized, or `undefined`. */
export function clientIdFault(id: string): ClientIdFault | undefined {
  if (id === '') return 'empty';
  if ([...id].length > MAX_CHARACTERS) return 'too-long';
  if (!ALLOWED.test(id) || INVISIBLE.test(id)) return 'characters';
  if (id.includes('  ')) return 'spaces';
  // On the wire the id ends at the first colon.
  return id.includes(':') ? 'colon' : undefined;
}
