// How pages tell to install the packages. `npm run counts` writes it, `npm run check -- docs` holds it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckResult, Problem } from './problem.ts';
import { filesBelow } from './source-file.ts';

/** Whether npm has the packages. The one switch: RELEASING.md says when. */
const ON_NPM = false;

/** Texts of a page before and after the first release. */
interface Wording {
  readonly file: string;
  readonly before: string;
  readonly after: string;
}

const sh = (...lines: string[]): string => ['```sh', ...lines, '```'].join('\n');
const INTO = 'npm run install:into --';
const WORDINGS: readonly Wording[] = [
  {
    file: 'README.md',
    before: `The packages are not on npm yet. One command in a clone builds them, and installs them into your project:\n\n${sh(`${INTO} ../my-server`)}`,
    after: sh('npm install headrace'),
  },
  {
    file: 'README.md',
    before: 'works when the packages are on npm. It asks',
    after: 'asks',
  },
  {
    file: 'site/home.md',
    before: '| Installation | not on npm yet |',
    after: '| Installation | npm |',
  },
  {
    file: 'site/home.md',
    before: `The packages are not on npm yet. In a clone, one command builds and installs them:\n\n${sh(`${INTO} ../my-server`)}`,
    after: sh('npm install headrace'),
  },
  {
    file: 'docs/start.md',
    before: `The packages are not on npm yet. In a clone of the repository, one command installs \`headrace\` into your project. A second one\nprepares TypeScript there:\n\n${sh(`${INTO} ../my-server`, 'npm install --prefix ../my-server --save-dev typescript @types/node')}`,
    after: `In an empty folder:\n\n${sh('npm init -y && npm install headrace', 'npm install --save-dev typescript @types/node')}`,
  },
  {
    file: 'docs/start.md',
    before: 'name all of\nthem after the folder.',
    after: 'install\nthem, too.',
  },
  {
    file: 'docs/versions.md',
    before:
      'Until the first publication on npm, a version is a commit. [Install it from a clone](start.md), and note the id of the commit.',
    after: 'What a version brings stands in [CHANGELOG.md](../CHANGELOG.md).',
  },
  {
    file: 'docs/tutorial/1-first-server.md',
    before: `, and a clone of the repository. The clone installs the\npackages into your folder:\n\n${sh(`${INTO} ../room headrace @headrace/client @headrace/websocket`)}`,
    after: `. In an empty folder:\n\n${sh('npm init -y && npm pkg set type=module', 'npm install headrace @headrace/client @headrace/websocket')}`,
  },
  {
    file: 'docs/tutorial/9-deploy.md',
    before:
      '# The tarballs of install:into. Leave this line out with packages of npm.\nCOPY headrace-packages ./headrace-packages\n',
    after: '',
  },
];

/** The line of a guide: the packages of its samples, as the first or the second group. */
const LINE =
  /^(?:In a clone: `npm run install:into -- FOLDER ([^`]+)`|Install: `npm install ([^`]+)`)$/gm;
const BY_HAND = /\bnpm yet\b|\bare on npm\b|\bon npm,|install:into/i;

const pagesOf = (root: string): string[] => [
  ...['README.md', 'site/home.md'],
  ...filesBelow(root, 'docs', ['.md']).filter((file) => !file.startsWith('docs/decisions/')),
  ...filesBelow(root, 'packages', ['/README.md']),
];

/** The text as it should be. */
function worded(file: string, text: string, isOnNpm: boolean): string {
  const wordings = WORDINGS.filter((wording) => wording.file === file && isOnNpm);
  const told = wordings.reduce((all, { before, after }) => all.replace(before, () => after), text);
  return told.replaceAll(LINE, (_line, inClone?: string, fromNpm?: string) => {
    const names = inClone ?? fromNpm;
    return isOnNpm || !file.startsWith('docs/')
      ? `Install: \`npm install ${names}\``
      : `In a clone: \`${INTO} FOLDER ${names}\``;
  });
}

export function checkInstallation(root: string, isOnNpm: boolean = ON_NPM): CheckResult {
  const problems: Problem[] = [];
  for (const file of pagesOf(root)) {
    const text = readFileSync(join(root, file), 'utf8');
    if (worded(file, text, isOnNpm) !== text) {
      problems.push({ file, message: 'tells another way to install the packages: npm run counts' });
    }
    let rest = text.replaceAll(LINE, '');
    for (const { before, after } of WORDINGS.filter((wording) => wording.file === file)) {
      const wanted = isOnNpm ? after : before;
      if (!rest.includes(wanted)) problems.push({ file, message: `no "${wanted}"` });
      rest = rest.replace(wanted, '');
    }
    const found = BY_HAND.exec(rest)?.[0];
    if (found !== undefined) {
      const message = `"${found}" is said by hand: scripts/on-npm.ts has the words about npm`;
      problems.push({ file, message });
    }
  }
  return { problems, summary: `packages ${isOnNpm ? 'on npm' : 'not on npm yet'}` };
}

export function writeInstallation(root: string, isOnNpm: boolean = ON_NPM): void {
  for (const file of pagesOf(root)) {
    const text = readFileSync(join(root, file), 'utf8');
    const told = worded(file, text, isOnNpm);
    if (told !== text) writeFileSync(join(root, file), told);
  }
}
