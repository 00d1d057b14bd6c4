import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { projectFiles } from '../src/project-files.ts';
import { TEMPLATES } from '../src/templates.ts';
import { WORDS as NPM_WORDS } from './fixture/project.ts';

const WORDS = { ...NPM_WORDS, name: '@acme/thing' };

describe('the templates', () => {
  it('are the folders that there are', () => {
    const folders = readdirSync(new URL('../templates', import.meta.url)).filter(
      (name) => !name.startsWith('_') && !name.includes('.'),
    );
    expect(TEMPLATES.map(({ name }) => name).sort()).toEqual(folders.sort());
  });

  it.each(TEMPLATES)('$name has what every project needs, and no word is left', (template) => {
    const files = projectFiles(template, WORDS);
    expect([...files.keys()]).toEqual(
      expect.arrayContaining(['.gitignore', 'README.md', 'package.json', 'tsconfig.json']),
    );
    for (const [path, text] of files) {
      expect(path).not.toMatch(/(^|\/)_/);
      expect(text).not.toMatch(/\{\{[\w@/-]+\}\}/);
      // A file that is read at one sitting.
      if (path.endsWith('.ts')) expect(text.split('\n').length, path).toBeLessThan(125);
    }
    const manifest = JSON.parse(files.get('package.json')!);
    expect(manifest).toMatchObject({ name: '@acme/thing', type: 'module' });
    expect(Object.keys(manifest.scripts)).toContain(template.firstScript);
    const { dependencies = {}, peerDependencies = {} } = manifest;
    const { headrace, '@headrace/core': core } = { ...dependencies, ...peerDependencies };
    expect(headrace ?? core).toBe('^1.2.3');
    expect(files.get('README.md')).toMatch(/^# @acme\/thing\n/);
  });

  it.each(TEMPLATES)('$name has a workflow that runs its tests and its checks', (template) => {
    const files = projectFiles(template, WORDS);
    const workflows = [...files].filter(([path]) => path.startsWith('.github/workflows/'));
    expect(workflows).toHaveLength(1);
    const [[, text]] = workflows as [[string, string]];
    for (const command of ['npm ci', 'npm test', 'npm run check', 'npm run lint']) {
      expect(text.split('\n')).toContainEqual(
        expect.stringMatching(new RegExp(`- run: (.* )?${command}(;|$)`)),
      );
    }
    expect(text).toContain('node: [20, 22, 24]');
  });

  it.each(TEMPLATES)(
    '$name depends on all peers of its packages: yarn installs none',
    (template) => {
      const { dependencies = {}, devDependencies } = JSON.parse(
        projectFiles(template, WORDS).get('package.json')!,
      );
      const there = Object.keys({ ...dependencies, ...devDependencies });
      for (const name of there.filter((one) => /headrace/.test(one))) {
        const folder = new URL(`../../${name.replace('@headrace/', '')}/`, import.meta.url);
        const manifest = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8'));
        const { peerDependencies = {}, peerDependenciesMeta = {} } = manifest;
        const peers = Object.keys(peerDependencies);
        const needed = peers.filter((peer) => peerDependenciesMeta[peer]?.optional !== true);
        expect(there, name).toEqual(expect.arrayContaining(needed));
      }
    },
  );

  it('typed-service checks its old clients with its types', () => {
    const template = TEMPLATES.find(({ name }) => name === 'typed-service')!;
    const { scripts } = JSON.parse(projectFiles(template, WORDS).get('package.json')!);
    expect(scripts.check).toContain('check:service');
    expect(scripts['check:service']).toContain('check-service service.json');
  });
});
