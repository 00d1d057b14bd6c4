import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { managerWords } from '../src/package-manager.ts';
import { projectFiles } from '../src/project-files.ts';
import { writeProject } from '../src/target-folder.ts';
import { TEMPLATES } from '../src/templates.ts';
import { WORDS } from './fixture/project.ts';

const BIOME = fileURLToPath(
  new URL('../../../node_modules/@biomejs/biome/bin/biome', import.meta.url),
);

let place = '';
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'create-headrace-'));
});
afterEach(() => rmSync(place, { recursive: true }));

/** Runs `npm run lint` of the project in this folder, with the repository's biome. */
async function lint(folder: string, script: string): Promise<void> {
  const [program, ...args] = script.split(' ');
  expect(program).toBe('biome');
  await promisify(execFile)(process.execPath, [BIOME, ...args], { cwd: folder });
}

describe('npm run lint', () => {
  it('accepts each template, with the version of biome that has formatted them', async () => {
    const linted = TEMPLATES.map(async (template) => {
      const folder = join(place, template.name);
      // The longest commands: no line is too long with those of another, either.
      const files = projectFiles(template, { ...WORDS, ...managerWords('pnpm/10.34.9') });
      writeProject(folder, files);
      const { scripts, devDependencies } = JSON.parse(files.get('package.json')!);
      await lint(folder, scripts.lint);
      return devDependencies['@biomejs/biome'];
    });
    const { version } = JSON.parse(
      readFileSync(new URL('../package.json', pathToFileURL(BIOME)), 'utf8'),
    );
    expect(new Set(await Promise.all(linted))).toEqual(new Set([version]));
  });

  it('refuses what is not formatted, and an unused variable', async () => {
    const folder = join(place, 'app');
    const files = projectFiles(TEMPLATES[0]!, WORDS);
    writeProject(folder, files);
    const { scripts } = JSON.parse(files.get('package.json')!);
    for (const wrong of ['export const a = "a"\n', "const a = 'a';\nexport {};\n"]) {
      writeFileSync(join(folder, 'src', 'wrong.ts'), wrong);
      await expect(lint(folder, scripts.lint)).rejects.toThrow('wrong.ts');
    }
    // What is built is not looked at.
    rmSync(join(folder, 'src', 'wrong.ts'));
    writeProject(join(folder, 'dist'), new Map([['wrong.js', 'var a = "a"']]));
    await lint(folder, scripts.lint);
  });
});
