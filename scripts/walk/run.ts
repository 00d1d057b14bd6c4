// `npm run walk` records the way of one message, prints it, and writes it into ARCHITECTURE.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PAGE, sectionIn, sectionOf, type Words, withSection, wordsIn } from './section.ts';
import { callsOf, recordWalks, totalOf, type WalkedFile } from './walk.ts';

function print(title: string, walk: readonly WalkedFile[], words: Words): void {
  const width = Math.max(...walk.map(({ path }) => path.length));
  console.log(`${title}: ${totalOf(walk)}\n`);
  console.log(`${'file'.padEnd(width)}  lines  calls  what happens there`);
  for (const file of walk) {
    const { path, lines, functions } = file;
    const [numbers, text] = [[lines, callsOf(file)], words.get(path) ?? ''];
    console.log(
      [path.padEnd(width), ...numbers.map((number) => `${number}`.padStart(5)), text].join('  '),
    );
    const called = functions.map(({ name, calls }) => (calls === 1 ? name : `${name} ×${calls}`));
    console.log(`${' '.repeat(width)}                ${called.join(', ')}`);
  }
  console.log('');
}

const root: string = fileURLToPath(new URL('../..', import.meta.url));
const walks = recordWalks(root);
const page = readFileSync(join(root, PAGE), 'utf8');
const section = sectionOf(root, walks, wordsIn(sectionIn(page)));
const words = wordsIn(section);
print('A frame in and its answer out', walks.framed, words);
print('The same with idle, strings and echo', walks.usual, words);
const written = withSection(page, section);
if (written !== page) writeFileSync(join(root, PAGE), written);
console.log(written === page ? `${PAGE} holds this walk already` : `${PAGE} holds this walk now`);
