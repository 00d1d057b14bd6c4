// The arguments of the command line.
import { parseArgs } from 'node:util';
import { nearestTo } from './nearest.ts';
import { UserError } from './user-error.ts';

/** The parsed command line. Missing arguments are `undefined`. */
export interface Arguments {
  readonly folder: string | undefined;
  readonly template: string | undefined;
  /** The name for package.json, by default the name of the folder. */
  readonly name: string | undefined;
  /** Whether to install the dependencies. */
  readonly install: boolean | undefined;
  /** Whether to make a repository. */
  readonly git: boolean | undefined;
  /** Whether to take the defaults without questions. */
  readonly yes: boolean;
  readonly show: 'help' | 'version' | 'list' | undefined;
}

const OPTIONS = {
  template: { type: 'string', short: 't' },
  name: { type: 'string' },
  install: { type: 'boolean' },
  'no-install': { type: 'boolean' },
  git: { type: 'boolean' },
  'no-git': { type: 'boolean' },
  yes: { type: 'boolean', short: 'y' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
  list: { type: 'boolean', short: 'l' },
} as const;

/**
 * Reads the arguments after `create-headrace`.
 *
 * @throws UserError for an unknown option, an option without its value, or two folders
 */
export function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parse(args);
  if (positionals.length > 1) {
    throw new UserError(`expected one folder, but got ${positionals.join(' and ')}`);
  }
  const { help, version, list } = values;
  return {
    folder: positionals[0],
    template: values.template,
    name: values.name,
    install: wanted(values, 'install'),
    git: wanted(values, 'git'),
    yes: values.yes === true,
    show: help ? 'help' : version ? 'version' : list ? 'list' : undefined,
  };
}

/** Returns the value of `--git` or `--no-git`, and of other options with a `no` form. */
function wanted(values: Readonly<Record<string, unknown>>, name: string): boolean | undefined {
  const [yes, no] = [values[name] === true, values[`no-${name}`] === true];
  if (yes && no) throw new UserError(`--${name} or --no-${name}, not both`);
  return yes || no ? yes : undefined;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    const unknown = /'(-[^']*)'/.exec(message)?.[1];
    if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION' || unknown === undefined) {
      throw new UserError(message.split('\n')[0]!.replace(/\.?$/, ''));
    }
    const near = nearestTo(
      unknown,
      Object.keys(OPTIONS).map((name) => `--${name}`),
    );
    throw new UserError(
      `no option ${unknown}${near === undefined ? '; --help lists them' : `; ${near}?`}`,
    );
  }
}
