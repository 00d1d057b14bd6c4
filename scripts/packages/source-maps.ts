// Do the maps of the built files lead to the lines of the sources? Errors are looked up: each has a line of its own.
import { existsSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, join } from 'node:path';
import { filesBelow } from '../source-file.ts';

const THROWS = 'throw new ';

/** The throws of a built package that its maps place on other lines, as sentences. */
export function misledThrows(dist: string): string[] {
  return filesBelow(dist, '.', ['.js']).flatMap((path) => misledIn(dist, path));
}

function misledIn(dist: string, path: string): string[] {
  const file = join(dist, path);
  // A file that only passes on other ones has none.
  if (!existsSync(`${file}.map`)) return [];
  const map = new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')));
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.flatMap((text, line) => {
    const column = text.indexOf(THROWS);
    const said = /^\s*(?:\/\/|\*)/.test(text);
    if (column === -1 || said) return [];
    const entry = map.findEntry(line, column);
    if (!('originalSource' in entry) || entry.originalSource === undefined)
      return [`${path}:${line + 1} has no place in a source`];
    const source = join(dirname(file), entry.originalSource);
    const original = readFileSync(source, 'utf8').split('\n')[entry.originalLine] ?? '';
    if (original.includes(THROWS)) return [];
    return [
      `${path}:${line + 1} is mapped to ${source}:${entry.originalLine + 1}: ${original.trim()}`,
    ];
  });
}
