import { RespError } from '@headrace/resp';
import type { Command } from './command.ts';
import { CONNECTION_COMMANDS } from './connection-commands.ts';
import { KEY_COMMANDS } from './key-commands.ts';
import { PUBSUB_COMMANDS } from './pubsub-commands.ts';
import { STRING_COMMANDS } from './string-commands.ts';

/** So much of a strange command is shown. */
const SHOWN_CHARACTERS = 128;

/** All commands. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({
    ...CONNECTION_COMMANDS,
    ...STRING_COMMANDS,
    ...KEY_COMMANDS,
    ...PUBSUB_COMMANDS,
  }),
);

export function unknownCommand(name: Buffer, args: readonly Buffer[]): RespError {
  const shown = (bytes: Buffer): string =>
    `'${bytes.toString('utf8', 0, SHOWN_CHARACTERS).replace(/[\r\n]/g, ' ')}' `;
  let begin = '';
  for (const arg of args) if (begin.length < SHOWN_CHARACTERS) begin += shown(arg);
  return new RespError(
    `ERR unknown command ${shown(name).trim()}, with args beginning with: ${begin}`,
  );
}

export function checkArity(
  name: string,
  { min, max = min }: Command,
  count: number,
): RespError | undefined {
  if (count >= min && count <= max) return undefined;
  return new RespError(`ERR wrong number of arguments for '${name}' command`);
}
