// What the page takes from a worker. The code of a link runs there, and may send anything.
import { type FromWorker, MAX_CHARACTERS } from './messages.ts';

/** Where the pages about errors are. */
const SITE = 'https://headrace.github.io/headrace/';
/** The largest picture of a sample of ours has a tenth of this length. */
const MAX_PICTURE_CHARACTERS = 1_000_000;

/** The message with the members that the page uses; `undefined` for data that is none. */
export function messageOf(data: unknown): FromWorker | undefined {
  const { do: what, stream, text, picture, help, line } = Object(data) as Record<string, unknown>;
  if (what === 'end') return { do: what };
  if (what === 'draw') {
    const isPicture = typeof picture === 'string' && picture.length <= MAX_PICTURE_CHARACTERS;
    return isPicture ? { do: what, picture } : undefined;
  }
  if (typeof text !== 'string') return undefined;
  const shown = text.slice(0, MAX_CHARACTERS);
  if (what === 'print')
    return { do: what, stream: stream === 'error' ? 'error' : 'out', text: shown };
  if (what !== 'fail') return undefined;
  const isLine = Number.isInteger(line) && (line as number) > 0;
  return {
    do: what,
    text: shown,
    help: ownPage(help),
    line: isLine ? (line as number) : undefined,
  };
}

/** The address, if it is one of our own pages: a link with another scheme would run a script in this page. */
function ownPage(address: unknown): string | undefined {
  if (typeof address !== 'string' || !URL.canParse(address)) return undefined;
  const { href } = new URL(address);
  return href.startsWith(SITE) ? href : undefined;
}
