// What the page says to people.

/** Why the link is down, or what the server refused. */
const CAUSES: Readonly<Record<string, string>> = {
  lost: 'The connection was lost.',
  silent: 'The server stopped answering.',
  unreachable: 'The server cannot be reached.',
  BYE: 'The server said goodbye. It is probably restarting.',
  EMPTY_CLIENT_ID: 'Please enter a name.',
  BAD_CLIENT_ID:
    'The server does not take this name: at most 64 characters, all of them visible, single spaces, no colon.',
  AUTH_FAILED: 'The server does not let this name in with this token.',
  ALREADY_AUTH: 'The server took a message for a second sign-in and did not pass it on.',
  KICKED: 'Someone signed in under this name elsewhere, perhaps you.',
  AUTH_TIMEOUT: 'Signing in took too long.',
  IDLE_TIMEOUT: 'The server heard nothing from this page for too long.',
  TOO_LONG: 'The server refused a message because it was too long.',
  TOO_MANY: 'The server is full, or too many connections come from your address.',
};

export function causeSentence(cause: string): string {
  return CAUSES[cause] ?? `The server reported a problem this page does not know: ${cause}.`;
}

/** The server's limit for one message, in bytes of UTF-8. */
const MAX_MESSAGE_BYTES = 65_535;

/** Why the server would not send this text to the others. */
export function textFault(text: string): string | undefined {
  const word = text.toUpperCase();
  if (word === 'PING' || word === 'WHO') return `“${word}” alone reaches nobody. Add a word.`;
  if (text.startsWith('AUTH:')) return 'A message cannot start with “AUTH:”.';
  const bytes = new TextEncoder().encode(text).length;
  return bytes > MAX_MESSAGE_BYTES ? 'This message is too long.' : undefined;
}

const names = new Intl.ListFormat('en');

/** Who is typing, beside this page's user. */
export function typingSentence(ids: readonly string[]): string {
  if (ids.length === 0) return '';
  if (ids.length > 3) return `${ids.length} people are typing…`;
  return `${names.format(ids)} ${ids.length === 1 ? 'is' : 'are'} typing…`;
}

/** What a page says that has come back. */
export function backSentence(missed: number, isComplete: boolean): string {
  if (!isComplete) return 'Back. Of what others wrote meanwhile only the last is here.';
  return missed === 0 ? 'Back. Nobody wrote meanwhile.' : 'Back. Above: what others wrote.';
}
