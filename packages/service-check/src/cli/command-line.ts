// The arguments of the command line.
import { parseArgs } from 'node:util';
import { UserError } from './user-error.ts';

export type CommandLine =
  | { readonly command: 'help' }
  | {
      readonly command: 'check-service';
      readonly old: string;
      readonly new: string;
      readonly json: boolean;
    }
  | { readonly command: 'print-service'; readonly file: string };

const OPTIONS = {
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export const HELP = `headrace-service-check check-service OLD NEW  what breaks clients of OLD at a server of NEW
headrace-service-check print-service NEW      the description of a service, to keep as OLD

OLD and NEW are files: JSON that print-service wrote, or modules that export services.

      --json  check-service: the changes as JSON
  -h, --help

check-service ends with 0 if nothing breaks, 1 if something does, 2 if it could not compare.
`;

/**
 * Reads the arguments after the program's name.
 *
 * @throws UserError for a command or an option that does not exist, or too few or too many files
 */
export function readCommandLine(args: readonly string[]): CommandLine {
  const { values, positionals } = parsed(args);
  const [command, ...files] = positionals;
  if (values.help === true) return { command: 'help' };
  if (command === 'check-service') {
    const [older, newer] = exactly(2, files, 'check-service OLD NEW');
    return { command, old: older!, new: newer!, json: values.json === true };
  }
  if (command === 'print-service') {
    if (values.json === true) throw new UserError('print-service prints JSON without --json');
    return { command, file: exactly(1, files, 'print-service NEW')[0]! };
  }
  const problem = command === undefined ? 'no command' : `no command ${command}`;
  throw new UserError(
    `${problem}: there are check-service and print-service; --help explains them`,
  );
}

function exactly(count: number, files: readonly string[], usage: string): readonly string[] {
  if (files.length === count) return files;
  throw new UserError(`headrace-service-check ${usage}: got ${files.length} files`);
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    const { message } = error as Error;
    const unknown = /'(-[^']*)'/.exec(message)?.[1];
    throw new UserError(`no option ${unknown ?? message}; --help lists them`);
  }
}
