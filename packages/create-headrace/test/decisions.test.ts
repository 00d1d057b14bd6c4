import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readArguments } from '../src/arguments.ts';
import { type Ask, decide } from '../src/decisions.ts';
import { Cancelled } from '../src/user-error.ts';

let cwd = '';
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'create-headrace-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

/** Gives these answers in turn, and keeps the questions. */
function answering(...answers: string[]): Ask & { readonly questions: string[] } {
  const questions: string[] = [];
  const ask = (question: string): Promise<string> => {
    questions.push(question);
    const answer = answers.shift();
    return answer === undefined ? Promise.reject(new Cancelled()) : Promise.resolve(answer);
  };
  return Object.assign(ask, { questions });
}

const decided = (line: string, ask?: Ask) =>
  decide(readArguments(line.split(' ').filter(Boolean)), cwd, ask);

describe('what will be made', () => {
  it('is the default where nobody can be asked', async () => {
    const { folder, name, template } = await decided('');
    expect([folder, name, template.name]).toEqual([
      join(cwd, 'headrace-app'),
      'headrace-app',
      'line-server',
    ]);
  });

  it('is asked for only where it was not given', async () => {
    const all = answering();
    await decided('my-app --template handler-package', all);
    expect(all.questions).toEqual([]);
    const some = answering('2');
    expect((await decided('my-app', some)).template.name).toBe('json-auth-heartbeat');
    expect(some.questions).toHaveLength(1);
    const none = answering();
    await decided('--yes', none);
    expect(none.questions).toEqual([]);
  });

  it('takes an empty line as the default, a number or a name as the template', async () => {
    expect((await decided('', answering('', ''))).name).toBe('headrace-app');
    const named = await decided('', answering('a', '99', 'x', 'device-gateway'));
    expect([named.name, named.template.name]).toEqual(['a', 'device-gateway']);
  });

  it('asks again for a folder that does not do, and says why', async () => {
    mkdirSync(join(cwd, 'full'));
    writeFileSync(join(cwd, 'full', 'mine'), '');
    const ask = answering('full', 'Big', 'free', '1');
    expect((await decided('', ask)).name).toBe('free');
    expect(ask.questions[1]).toContain('full is not empty: it has mine.');
    expect(ask.questions[2]).toContain('capital letters; big would do');
  });

  it('ends where the person ends it', async () => {
    await expect(decided('', answering('a'))).rejects.toThrow(Cancelled);
  });

  it('takes an empty folder, a fresh clone, and the folder that one is in', async () => {
    mkdirSync(join(cwd, 'clone', '.git'), { recursive: true });
    expect((await decided('clone')).name).toBe('clone');
    expect((await decided('clone/.', undefined)).folder).toBe(join(cwd, 'clone'));
    rmSync(join(cwd, 'clone'), { recursive: true });
    expect((await decided('. --name x')).folder).toBe(cwd);
    expect(basename((await decided('deep/down')).folder)).toBe('down');
  });

  it('takes a name apart from the folder', async () => {
    const { folder, name } = await decided('Folder --name @acme/filter -t handler-package');
    expect([basename(folder), name]).toEqual(['Folder', '@acme/filter']);
  });

  it.each([
    ['full', 'full is not empty: it has a and 1 more. Nothing was written'],
    ['file', 'file is a file, not a folder'],
    ['Big', 'npm takes no package named "Big": it has capital letters; big would do'],
    ['x --name ..', 'npm takes no package named "..": it begins with "."'],
    ['headrace', 'headrace must have another name'],
    ['x --template handler', 'did you mean handler-package?'],
    ['x --template qqqq', 'there are line-server, json-auth-heartbeat'],
  ])('is refused: %s', async (line, message) => {
    mkdirSync(join(cwd, 'full'));
    for (const name of ['a', 'b']) writeFileSync(join(cwd, 'full', name), '');
    writeFileSync(join(cwd, 'file'), '');
    await expect(decided(line)).rejects.toThrow(message);
  });
});
