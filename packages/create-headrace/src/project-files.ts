// The files of a new project, in memory: the files that templates share, then the template's own files.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ManagerWords, withCommands } from './package-manager.ts';
import type { Template } from './templates.ts';

const TEMPLATES_FOLDER = fileURLToPath(new URL('../templates', import.meta.url));

/** The values of `{{name}}`, `{{year}}` and of `{{@headrace/core}}` and its like in a template, and the package manager's words that replace npm's. */
export interface Words extends ManagerWords {
  /** The name of the new package. */
  readonly name: string;
  /** The ranges of Headrace's packages, by their names. */
  readonly ranges: Readonly<Record<string, string>>;
  readonly year: string;
}

type Json = { readonly [key: string]: Json | string | boolean | readonly string[] };

/** The order of the members. Other members stand last. */
const MANIFEST_KEYS = [
  'name',
  'version',
  'private',
  'description',
  'keywords',
  'license',
  'type',
  'engines',
  'exports',
  'files',
  'publishConfig',
  'scripts',
  'dependencies',
  'peerDependencies',
  'devDependencies',
];

/** Returns the texts of the files by their paths, which have `/` and are relative to the project. */
export function projectFiles(template: Template, words: Words): Map<string, string> {
  // A package reads no settings and handles no signals.
  const isProgram = template.firstScript === 'start';
  const layers = ['_shared', ...(isProgram ? ['_program'] : []), template.name];
  const files = new Map<string, string>();
  let manifest: Json = { name: words.name };
  for (const layer of layers) {
    for (const path of filesBelow(join(TEMPLATES_FOLDER, layer))) {
      const text = withWords(readFileSync(join(TEMPLATES_FOLDER, layer, path), 'utf8'), words);
      if (path === '_package.json') manifest = merge(manifest, JSON.parse(text));
      else files.set(path.replace(/^_/, '.'), withCommands(text, words));
    }
  }
  // An image copies node_modules.
  if (words.isModernYarn) files.set('.yarnrc.yml', 'nodeLinker: node-modules\n');
  files.set('package.json', `${JSON.stringify(ordered(manifest), null, 2)}\n`);
  return files;
}

function filesBelow(folder: string, prefix = ''): string[] {
  return readdirSync(join(folder, prefix), { withFileTypes: true }).flatMap((entry) => {
    const path = prefix + entry.name;
    return entry.isDirectory() ? filesBelow(folder, `${path}/`) : [path];
  });
}

function withWords(text: string, words: Words): string {
  const { name, year, ranges } = words;
  const all = /\{\{((?:@headrace\/)?[a-z-]+)\}\}/g;
  return text.replaceAll(all, (given, word: string) => ({ name, year, ...ranges })[word] ?? given);
}

function merge(base: Json, more: Json): Json {
  const merged: Record<string, Json[string]> = { ...base };
  for (const [key, value] of Object.entries(more)) {
    const known = merged[key];
    merged[key] = isObject(known) && isObject(value) ? merge(known, value) : value;
  }
  return merged;
}

function isObject(value: Json[string] | undefined): value is Json {
  return typeof value === 'object' && !Array.isArray(value);
}

function ordered(manifest: Json): Json {
  const rank = (key: string) => {
    const at = MANIFEST_KEYS.indexOf(key);
    return at === -1 ? MANIFEST_KEYS.length : at;
  };
  return Object.fromEntries(Object.entries(manifest).sort(([a], [b]) => rank(a) - rank(b)));
}
