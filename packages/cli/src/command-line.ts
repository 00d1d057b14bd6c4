// The arguments of the command line.
import { parseArgs } from 'node:util';
import { UserError } from './user-error.ts';

export type CommandLine =
  | { readonly command: 'help' }
  | {
      readonly command: 'status';
      readonly urls: readonly URL[];
      /** Whether each address of a name is asked. */
      readonly all: boolean;
      readonly keyFile: string | undefined;
      readonly json: boolean;
      readonly watch: boolean;
      readonly everyMs: number;
      readonly timeoutMs: number;
    };

const OPTIONS = {
  'key-file': { type: 'string' },
  all: { type: 'boolean' },
  json: { type: 'boolean' },
  watch: { type: 'boolean' },
  every: { type: 'string' },
  timeout: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

export const HELP = `headrace status [URL ...]   the numbers of running programs

URL is the health server of a program (serveHealth with the options status and
key), 127.0.0.1:9464 by default. The key is read from the variable HEADRACE_KEY.

      --all              asks each address of a name, as a headless service has
      --key-file FILE    reads the key from a file
      --watch            looks again and again, until it is interrupted
      --every SECONDS    time between two looks, 2 by default
      --timeout SECONDS  maximum time for an answer, 5 by default
      --json             JSON in place of the table; with --watch, one line a look
  -h, --help

status ends with 0 if all processes answered and are ready, 1 if some did not
answer or are not ready, 2 if none answered.
`;

const MOVED = new Set(['check-service', 'print-service']);
const MAX_SECONDS = 3600;
/** The port of the guides, of Prometheus' range for exporters. */
const DEFAULT_PORT = '9464';

/**
 * Reads the arguments after the program's name.
 *
 * @throws UserError for a command, an option or a URL that cannot be used
 */
export function readCommandLine(args: readonly string[]): CommandLine {
  const { values, positionals } = parsed(args);
  const [command, ...urls] = positionals;
  if (values.help === true) return { command: 'help' };
  if (MOVED.has(command ?? '')) {
    throw new UserError(
      `${command} is a command of @headrace/service-check: ` +
        `npm install --save-dev @headrace/service-check, then npx headrace-service-check ${command}`,
    );
  }
  if (command !== 'status') {
    const problem = command === undefined ? 'no command' : `no command ${command}`;
    throw new UserError(`${problem}: there is status; --help explains it`);
  }
  if (values.every !== undefined && values.watch !== true) {
    throw new UserError('--every needs --watch');
  }
  return {
    command,
    urls: (urls.length === 0 ? [DEFAULT_PORT] : urls).map(statusUrl),
    all: values.all === true,
    keyFile: values['key-file'],
    json: values.json === true,
    watch: values.watch === true,
    everyMs: milliseconds('every', values.every ?? '2'),
    timeoutMs: milliseconds('timeout', values.timeout ?? '5'),
  };
}

/** Returns the URL of a status: `9464`, `host:9464` and `http://host:9464/` are short forms. */
function statusUrl(given: string): URL {
  const place = /^\d+$/.test(given) ? `127.0.0.1:${given}` : given;
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(place) ? place : `http://${place}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new UserError(`${given} is not a URL of HTTP, such as http://127.0.0.1:9464`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new UserError('a URL with a name or a password is refused: set HEADRACE_KEY to the key');
  }
  if (url.pathname === '/') url.pathname = '/status';
  return url;
}

function milliseconds(name: string, text: string): number {
  const seconds = Number(text);
  if (text.trim() !== '' && seconds >= 0.1 && seconds <= MAX_SECONDS) return seconds * 1000;
  throw new UserError(`--${name} is a number of seconds from 0.1 to ${MAX_SECONDS}, not ${text}`);
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    const { message } = error as Error;
    const unknown = /^Unknown option '(-[^']*)'/.exec(message)?.[1];
    throw new UserError(
      unknown === undefined ? message : `no option ${unknown}; --help lists them`,
    );
  }
}
