// What a name may be, so that two that look alike are one, and none of them moves a cursor.

const MAX_CHARACTERS = 64;

/** Letters, marks, digits, punctuation, symbols and the plain space: nothing else of Unicode. */
const ALLOWED = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u;

/**
 * Allowed by their category, and yet not to be seen: fillers, joiners and variation selectors (Unicode's
 * Default_Ignorable_Code_Point), the empty braille cell, the musical null note head.
 */
const INVISIBLE = /[\p{DI}\u{2800}\u{1d159}]/u;

/** Why a name is not taken. */
export type ClientIdFault = 'empty' | 'too-long' | 'characters' | 'spaces' | 'colon';

/** The form in which names are compared and shown: an é is one character, however it was typed. */
export function normalizeClientId(id: string): string {
  return id.trim().normalize('NFC');
}

/** What is wrong with a name that has been normalized, or `undefined`. */
export function clientIdFault(id: string): ClientIdFault | undefined {
  if (id === '') return 'empty';
  if ([...id].length > MAX_CHARACTERS) return 'too-long';
  if (!ALLOWED.test(id) || INVISIBLE.test(id)) return 'characters';
  if (id.includes('  ')) return 'spaces';
  // On the wire the id ends at the first colon.
  return id.includes(':') ? 'colon' : undefined;
}
