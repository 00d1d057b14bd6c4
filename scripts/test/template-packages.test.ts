// A project of a template has every package of ours that its files import.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const FOLDER = 'packages/create-headrace/templates';
/** Files and packages that all programs of a template share. */
const PROGRAM = '_program';
const IMPORT = /from '((?:@headrace\/[\w-]+|headrace))[/']/g;

/** Returns the packages of ours that a template names. */
function namedBy(template: string): Set<string> {
  const text = readFileSync(`${FOLDER}/${template}/_package.json`, 'utf8');
  return new Set([...text.matchAll(/\{\{((?:@headrace\/)?[\w-]+)\}\}/g)].map(([, name]) => name!));
}

it('each template names the packages that its files import', () => {
  const templates = readdirSync(FOLDER).filter((name) => !/^_|\./.test(name));
  const shared = namedBy(PROGRAM);
  expect(templates.length).toBeGreaterThan(7);
  const missing = templates.flatMap((template) => {
    const named = namedBy(template);
    const texts = readdirSync(`${FOLDER}/${template}`, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.[jt]sx?$/.test(name))
      .map((name) => readFileSync(`${FOLDER}/${template}/${name}`, 'utf8'));
    const imported = texts.flatMap((text) => [...text.matchAll(IMPORT)].map(([, name]) => name!));
    const absent = new Set(imported.filter((name) => !named.has(name) && !shared.has(name)));
    return [...absent].map((name) => `${template} lacks ${name}`);
  });
  expect(missing).toEqual([]);
});
