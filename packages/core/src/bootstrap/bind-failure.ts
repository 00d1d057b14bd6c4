import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ChannelError, OptionError } from '../errors.ts';

/** What a code of the system means for who listens. */
const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'this program or another one uses it already',
  EACCES: 'this user may not use it',
  EPERM: 'this user may not use it',
  EADDRNOTAVAIL: 'this machine has no such address',
  EAFNOSUPPORT: 'this machine does not use this version of IP',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name could not be looked up now',
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'a folder of its path is a file',
  EROFS: 'its file system can only be read',
  ERR_ACCESS_DENIED: "Node's permission model forbids it: start Node with --allow-net",
};

/** Where somebody wanted to listen. */
export interface BindPlace {
  /** As the message has it. */
  readonly name: string;
  /** Of a local socket. */
  readonly path?: string | undefined;
  /** What to do about some codes, in place of the general words. */
  readonly why?: Readonly<Record<string, string>>;
}

/** Returns the error of a server or socket that cannot listen: the place, the cause in words, and the system's code. */
export function bindFailure(
  { name, path, why }: BindPlace,
  error: Error,
): ChannelError | OptionError {
  if (error instanceof OptionError) return error;
  const system = (error.cause ?? error) as NodeJS.ErrnoException;
  const code = system.code ?? 'unknown';
  const known = why?.[code] ?? whyOfPath(path, code) ?? WHY[code] ?? error.message;
  return new ChannelError(
    'BIND_FAILED',
    `cannot listen on ${name}: ${known} (${code})`,
    { code },
    system,
  );
}

function whyOfPath(path: string | undefined, code: string): string | undefined {
  if (path === undefined) return undefined;
  // Node reports a folder that is missing as EACCES.
  if (code === 'EACCES' && !existsSync(dirname(path))) return WHY['ENOENT'];
  if (code !== 'EADDRINUSE') return undefined;
  return statSync(path, { throwIfNoEntry: false })?.isSocket() === false
    ? 'a file or folder has this name: choose another path'
    : 'this program or another one listens there, or one that crashed left its file there: delete it, or pass replaceStale: true';
}
