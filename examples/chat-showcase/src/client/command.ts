/** The meaning of a typed line. */
export type Command =
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'who' | 'quit' | 'nothing' }
  /** Nothing is sent, this is shown. */
  | { readonly kind: 'show'; readonly lines: readonly string[] };

const HELP = [
  '/who   lists who is here',
  '/quit  leaves; so does the end of the input',
  '/help  shows this',
  '//…    says a text that begins with a slash',
  'everything else is said to all',
];

/** A line that begins with a slash is a command and never said; two slashes say one. */
export function parseCommand(typed: string): Command {
  const text = typed.trim();
  if (text === '') return { kind: 'nothing' };
  if (text === '/quit') return { kind: 'quit' };
  if (text === '/who') return { kind: 'who' };
  if (text === '/help') return { kind: 'show', lines: HELP };
  if (text.startsWith('//')) return { kind: 'say', text: text.slice(1) };
  if (text.startsWith('/')) {
    const [word] = text.split(/\s/, 1);
    return {
      kind: 'show',
      lines: [`there is no ${word}, and it was not said; /help lists what there is`],
    };
  }
  return clash(text) ?? { kind: 'say', text };
}

/** Words of the protocol: the server would take them for its own. */
function clash(text: string): Command | undefined {
  const word = text.toUpperCase();
  if (word === 'PING') {
    return { kind: 'show', lines: ['PING alone is a heartbeat and reaches nobody'] };
  }
  if (word === 'WHO')
    return { kind: 'show', lines: ['WHO alone reaches nobody; /who lists who is here'] };
  return undefined;
}
