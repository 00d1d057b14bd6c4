// headrace-service-check check-service OLD NEW; headrace-service-check print-service NEW

import type { ServiceDescription } from '@headrace/rpc';
import { compareServices, type ServiceChange } from '../compare/compare-services.ts';
import { HELP, readCommandLine } from './command-line.ts';
import { descriptionsIn } from './service-file.ts';
import { UserError } from './user-error.ts';

/** The printed text of a command, and the exit code of the process. */
export interface Outcome {
  readonly output: string;
  readonly exitCode: 0 | 1 | 2;
}

/** Runs the program with the arguments of this process. */
export async function main(): Promise<void> {
  // The reader of the output may close the pipe, as `head` does.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  try {
    const { output, exitCode } = await outcomeOf(process.argv.slice(2), process.cwd());
    process.stdout.write(output);
    process.exitCode = exitCode;
  } catch (error) {
    const text = error instanceof UserError ? error.message : ((error as Error).stack ?? error);
    process.stderr.write(`headrace-service-check: ${text}\n`);
    process.exitCode = 2;
  }
}

/**
 * Runs the command and returns its output.
 *
 * @throws UserError if the arguments are not valid, or a file cannot be used
 */
export async function outcomeOf(args: readonly string[], cwd: string): Promise<Outcome> {
  const line = readCommandLine(args);
  if (line.command === 'help') return { output: HELP, exitCode: 0 };
  if (line.command === 'print-service') {
    const descriptions = await descriptionsIn(line.file, cwd);
    const printed = descriptions.length === 1 ? descriptions[0] : descriptions;
    return { output: `${JSON.stringify(printed, null, 2)}\n`, exitCode: 0 };
  }
  const older = await descriptionsIn(line.old, cwd);
  const changes = changesOf(older, await descriptionsIn(line.new, cwd));
  const breaks = changes.filter((change) => change.breaks).length;
  const output = line.json
    ? `${JSON.stringify({ breaks, changes }, null, 2)}\n`
    : shown(changes, breaks);
  return { output, exitCode: breaks === 0 ? 0 : 1 };
}

/** Compares services by name. If each side has only one service, compares these services, even under different names. */
function changesOf(
  older: readonly ServiceDescription[],
  newer: readonly ServiceDescription[],
): ServiceChange[] {
  if (older.length === 1 && newer.length === 1) return [...compareServices(older[0]!, newer[0]!)];
  const changes = older.flatMap((before) => {
    const after = newer.find(({ service }) => service === before.service);
    if (after !== undefined) return compareServices(before, after);
    return [{ place: before.service, text: 'removed: its old clients are refused', breaks: true }];
  });
  const added = newer.filter(({ service }) => older.every((before) => before.service !== service));
  return [
    ...changes,
    ...added.map(({ service }) => ({
      place: service,
      text: 'new: no old client calls it',
      breaks: false,
    })),
  ];
}

function shown(changes: readonly ServiceChange[], breaks: number): string {
  if (changes.length === 0) return 'no changes\n';
  const lines = changes.map(
    (change) => `${change.breaks ? 'breaks ' : 'allowed'} ${change.place}: ${change.text}\n`,
  );
  const count = changes.length === 1 ? '1 change' : `${changes.length} changes`;
  return `${lines.join('')}${count}, ${breaking(changes.length, breaks)}\n`;
}

function breaking(changes: number, breaks: number): string {
  if (breaks === 0) return changes === 1 ? 'which breaks no old client' : 'none breaks old clients';
  if (changes === 1) return 'which breaks old clients';
  return breaks === 1 ? '1 of them breaks old clients' : `${breaks} of them break old clients`;
}
