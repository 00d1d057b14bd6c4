// The names that npm accepts for a new package: https://docs.npmjs.com/cli/configuring-npm/package-json#name
import { builtinModules } from 'node:module';

const MAX_LENGTH = 214;
const RESERVED = new Set(['node_modules', 'favicon.ico']);

/** Why npm would not take the name, as the end of a sentence; `undefined` if it would. */
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
  // npm takes what needs no escape in an address, and none of ~'!()*.
  const wrong = /[^a-z0-9._-]/.exec(part)?.[0];
  if (wrong === undefined) return undefined;
  return wrong === ' ' ? 'it has spaces' : `it has "${wrong}"`;
}

/** A name near to this one that npm takes; `undefined` if nothing is left of it. */
export function validName(name: string): string | undefined {
  const near = name
    .trim()
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+|-+$/g, '')
    .slice(0, MAX_LENGTH);
  return nameFault(near) === undefined ? near : undefined;
}
