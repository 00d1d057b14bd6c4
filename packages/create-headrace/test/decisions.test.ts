import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readArguments } from '../src/arguments.ts';
import { decide, type Questions } from '../src/decisions.ts';
import { isInRepository } from '../src/git.ts';
import { TEMPLATES } from '../src/templates.ts';
import { Cancelled } from '../src/user-error.ts';

let cwd = '';
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'create-headrace-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

/** Gives these answers in turn, and keeps what was asked; a folder at fault is asked for again. */
function answering(...answers: (string | boolean)[]): Questions & { readonly asked: string[] } {
  const asked: string[] = [];
  const next = async <T>(question: string): Promise<T> => {
    asked.push(question);
    const answer = answers.shift();
    if (answer === undefined) throw new Cancelled();
    return answer as T;
  };
  return {
    asked,
    async folder(fallback, faultOf) {
      for (let question = 'folder'; ; ) {
        const answer = (await next<string>(question)) || fallback;
        question = faultOf(answer) ?? '';
        if (question === '') return answer;
      }
    },
    async template() {
      const name = await next<string>('template');
      return TEMPLATES.find((template) => template.name === name)!;
    },
    yesOrNo: next,
  };
}

const decided = (line: string, questions?: Questions) =>
  decide(readArguments(line.split(' ').filter(Boolean)), cwd, questions, isInRepository);

describe('what will be made', () => {
  it('is the default where it was asked for', async () => {
    const { folder, name, template, install, git } = await decided('--yes', answering());
    expect([name, template.name, install, git]).toEqual([
      'headrace-app',
      'line-server',
      true,
      true,
    ]);
    expect(folder).toBe(join(cwd, 'headrace-app'));
  });

  it.each([
    [
      '',
      'give a folder and --template NAME, or --yes for the defaults (headrace-app, line-server)',
    ],
    ['my-app', 'give --template NAME, or --yes'],
    ['--template handler-package', 'give a folder, or --yes'],
  ])('is not guessed where nobody can be asked: "%s"', async (line, message) => {
    await expect(decided(line)).rejects.toThrow(`there is no terminal to ask in: ${message}`);
  });

  it('is asked for only where it was not given', async () => {
    const none = answering();
    const { install } = await decided('my-app --template handler-package --no-install', none);
    expect([none.asked, install]).toEqual([[], false]);
    const some = answering('json-auth-heartbeat', true, false);
    const { template, ...rest } = await decided('my-app', some);
    expect(template.name).toBe('json-auth-heartbeat');
    expect(rest).toMatchObject({ install: true, git: false });
    expect(some.asked).toEqual(['template', 'Install the dependencies?', 'Make a git repository?']);
    const most = answering('', 'line-server');
    expect(await decided('--no-install --git', most)).toMatchObject({
      name: 'headrace-app',
      install: false,
      git: true,
    });
    expect(most.asked).toEqual(['folder', 'template']);
  });

  it('makes no repository inside of one, unless it was asked for', async () => {
    mkdirSync(join(cwd, '.git'));
    const asked = answering('a', 'line-server', true);
    expect((await decided('', asked)).git).toBe(false);
    expect(asked.asked).not.toContain('Make a git repository?');
    expect((await decided('deep/down --yes --git')).git).toBe(true);
  });

  it('asks again for a folder that does not do, and says why', async () => {
    mkdirSync(join(cwd, 'full'));
    writeFileSync(join(cwd, 'full', 'mine'), '');
    const ask = answering('full', 'Big', 'free', 'line-server', true, true);
    expect((await decided('', ask)).name).toBe('free');
    expect(ask.asked[1]).toContain('full is not empty: it has mine.');
    expect(ask.asked[2]).toContain('capital letters; big would do');
  });

  it('ends where the person ends it', async () => {
    await expect(decided('', answering('a'))).rejects.toThrow(Cancelled);
  });

  it('takes an empty folder, a fresh clone, and the folder that one is in', async () => {
    mkdirSync(join(cwd, 'clone', '.git'), { recursive: true });
    expect((await decided('clone --yes')).name).toBe('clone');
    expect((await decided('clone/. --yes')).folder).toBe(join(cwd, 'clone'));
    rmSync(join(cwd, 'clone'), { recursive: true });
    expect((await decided('. --name x --yes')).folder).toBe(cwd);
    expect(basename((await decided('deep/down --yes')).folder)).toBe('down');
  });

  it('takes a name apart from the folder', async () => {
    const { folder, name } = await decided('Folder --name @acme/filter -t handler-package');
    expect([basename(folder), name]).toEqual(['Folder', '@acme/filter']);
  });

  it.each([
    ['full', 'full is not empty: it has a and 1 more. Nothing was written'],
    ['file', 'file is a file, not a folder'],
    ['Big', 'not a valid npm package name: "Big": it has capital letters; big would do'],
    ['x --name ..', 'not a valid npm package name: "..": it begins with "."'],
    ['headrace --yes', 'headrace must have another name'],
    ['x --template handler', 'did you mean handler-package?'],
    ['x --template qqqq', 'there are line-server, json-auth-heartbeat'],
  ])('is refused: %s', async (line, message) => {
    mkdirSync(join(cwd, 'full'));
    for (const name of ['a', 'b']) writeFileSync(join(cwd, 'full', name), '');
    writeFileSync(join(cwd, 'file'), '');
    await expect(decided(line)).rejects.toThrow(message);
  });
});
