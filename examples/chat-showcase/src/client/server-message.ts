/** A message of the server, parsed. */
export type ServerMessage =
  | { readonly kind: 'accepted' | 'pong' | 'bye' }
  | { readonly kind: 'joined' | 'left' | 'member'; readonly id: string }
  | { readonly kind: 'members'; readonly count: number }
  | { readonly kind: 'echo'; readonly text: string }
  | { readonly kind: 'message'; readonly id: string; readonly text: string }
  | { readonly kind: 'error'; readonly code: string }
  | { readonly kind: 'unknown'; readonly text: string };

/** An id ends at the first colon, everything after it is text: `MSG:ann:see: here`. */
export function parseServerMessage(text: string): ServerMessage {
  if (text === 'AUTH_OK') return { kind: 'accepted' };
  if (text === 'PONG') return { kind: 'pong' };
  if (text === 'BYE') return { kind: 'bye' };
  const [word, rest] = cut(text);
  if (word === 'ECHO') return { kind: 'echo', text: rest };
  if (word === 'MSG') {
    const [id, said] = cut(rest);
    return id === '' ? { kind: 'unknown', text } : { kind: 'message', id, text: said };
  }
  if (rest === '') return { kind: 'unknown', text };
  if (word === 'JOIN') return { kind: 'joined', id: rest };
  if (word === 'LEAVE') return { kind: 'left', id: rest };
  if (word === 'MEMBERS') return { kind: 'members', count: Number(rest) };
  if (word === 'MEMBER') return { kind: 'member', id: rest };
  return word === 'ERR' ? { kind: 'error', code: rest } : { kind: 'unknown', text };
}

/** Without a colon there is no word. */
function cut(text: string): [word: string, rest: string] {
  const colon = text.indexOf(':');
  return colon < 0 ? ['', text] : [text.slice(0, colon), text.slice(colon + 1)];
}
