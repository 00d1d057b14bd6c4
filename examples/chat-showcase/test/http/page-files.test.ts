import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readPageFiles } from '../../src/http/page-files.ts';

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'chat-page-'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

describe('readPageFiles', () => {
  it('finds the whole page, with the right content types', () => {
    const files = readPageFiles();
    expect(files.get('/')).toBe(files.get('/index.html'));
    expect(files.get('/')?.type).toBe('text/html; charset=utf-8');
    expect(files.get('/theme.css')?.type).toBe('text/css; charset=utf-8');
    expect(files.get('/favicon.svg')?.type).toBe('image/svg+xml');
  });

  it('names the missing file, and the file that refers to it', () => {
    expect(() => readPageFiles(folderWith({}))).toThrow(/index\.html is missing$/);
    expect(() => readPageFiles('/nowhere')).toThrow('cannot read the page files: ');
    const index = '<script type="module" src="/page.js"></script><link href="/a.css">';
    expect(() => readPageFiles(folderWith({ 'index.html': index, 'a.css': '' }))).toThrow(
      /page\.js is missing; \/index\.html asks for it$/,
    );
    const files = { 'index.html': index, 'page.js': "import { a } from './a.js';\n" };
    expect(() => readPageFiles(folderWith({ ...files, 'a.css': '' }))).toThrow(
      /a\.js is missing; \/page\.js asks for it$/,
    );
    const style = { ...files, 'a.js': '', 'a.css': 'a { background: url("b.svg") }' };
    expect(() => readPageFiles(folderWith(style))).toThrow(/b\.svg is missing; \/a\.css asks/);
  });

  it('uses the program of the chat if the folder has none', () => {
    const index = '<script type="module" src="/main.js"></script>';
    expect(readPageFiles(folderWith({ 'index.html': index })).has('/main.js')).toBe(false);
  });
});
