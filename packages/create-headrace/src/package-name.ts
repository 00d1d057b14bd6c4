// The names that npm accepts for a new package: https://docs.npmjs.com/cli/configuring-npm/package-json#name
import { builtinModules } from 'node:module';

const MAX_LENGTH = 214;
const RESERVED = new Set(['node_modules', 'favicon.ico']);

/** Returns the reason why npm refuses the name, as the end of a sentence, or `undefined` for a valid name. */
export function nameFault(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name.length > MAX_LENGTH) return `it is longer than ${MAX_LENGTH} characters`;
  if (name.trim() !== name) return 'it has spaces around it';
  const scoped = /^@([^/]*)\/([^/]*)$/.exec(name);
  if (scoped !== null) return partFault(scoped[1]!) ?? partFault(scoped[2]!);
  if (RESERVED.has(name.toLowerCase()) || builtinModules.includes(name)) {
    return 'it is the name of something else: a part of Node or npm';
  }
  return partFault(name);
}

function partFault(part: string): string | undefined {
  if (part === '') return 'a part of it is empty';
  if (/^[._-]/.test(part)) return `it begins with "${part[0]}"`;
  if (part !== part.toLowerCase()) return 'it has capital letters';
  // npm accepts characters that need no escape in a URL, except ~'!()*.
  const wrong = /[^a-z0-9._-]/.exec(part)?.[0];
  if (wrong === undefined) return undefined;
  return wrong === ' ' ? 'it has spaces' : `it has "${wrong}"`;
}

/** Returns a similar name that npm accepts, or `undefined` if no such name exists. */
export function validName(name: string): string | undefined {
  const near = name
    .trim()
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+|(?<!-)-+$/g, '')
    .slice(0, MAX_LENGTH);
  return nameFault(near) === undefined ? near : undefined;
}
