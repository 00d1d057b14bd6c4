import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeProject } from '../src/target-folder.ts';

let place = '';
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'create-headrace-'));
});
afterEach(() => rmSync(place, { recursive: true }));

const FILES = new Map([
  ['package.json', '{}\n'],
  ['src/main.ts', 'main\n'],
]);
/** A file cannot be a folder, too. */
const IMPOSSIBLE = new Map([...FILES, ['src/main.ts/x', '']]);

describe('writing a project', () => {
  it('makes the folder, and those above it', () => {
    writeProject(join(place, 'a', 'b'), FILES);
    expect(readFileSync(join(place, 'a', 'b', 'src', 'main.ts'), 'utf8')).toBe('main\n');
    expect(readdirSync(join(place, 'a'))).toEqual(['b']);
  });

  it.skipIf(process.platform === 'win32')('lets the same people in as mkdir does', () => {
    mkdirSync(join(place, 'a'));
    writeProject(join(place, 'b'), FILES);
    expect(statSync(join(place, 'b')).mode).toBe(statSync(join(place, 'a')).mode);
  });

  it('keeps a folder that is there, and what it has', () => {
    mkdirSync(join(place, '.git'));
    writeProject(place, FILES);
    expect(readdirSync(place).sort()).toEqual(['.git', 'package.json', 'src']);
  });

  it('leaves nothing when it fails', () => {
    expect(() => writeProject(join(place, 'a', 'b'), IMPOSSIBLE)).toThrow('cannot write to');
    // One that cannot even be made.
    const long = join(place, 'l1', 'x'.repeat(300));
    expect(() => writeProject(long, FILES)).toThrow('cannot write to');
    expect(existsSync(join(place, 'l1'))).toBe(false);
    expect(readdirSync(place)).toEqual([]);
    mkdirSync(join(place, 'empty', '.git'), { recursive: true });
    expect(() => writeProject(join(place, 'empty'), IMPOSSIBLE)).toThrow('cannot write to');
    expect(readdirSync(join(place, 'empty'))).toEqual(['.git']);
  });

  it('is taken away again, with what was made in it since', () => {
    const undo = writeProject(join(place, 'a', 'b'), FILES);
    mkdirSync(join(place, 'a', 'b', 'node_modules'));
    undo();
    expect(readdirSync(place)).toEqual([]);

    mkdirSync(join(place, 'clone', '.git'), { recursive: true });
    const undoClone = writeProject(join(place, 'clone'), FILES);
    writeFileSync(join(place, 'clone', 'package-lock.json'), '');
    undoClone();
    expect(readdirSync(join(place, 'clone'))).toEqual(['.git']);
  });

  it('loses nothing that came in between', () => {
    mkdirSync(join(place, 'a', 'src'), { recursive: true });
    writeFileSync(join(place, 'a', 'src', 'mine.ts'), 'mine');
    expect(() => writeProject(join(place, 'a'), FILES)).toThrow('cannot write to');
    expect(readFileSync(join(place, 'a', 'src', 'mine.ts'), 'utf8')).toBe('mine');
    expect(existsSync(join(place, 'a', 'package.json'))).toBe(false);
  });
});
