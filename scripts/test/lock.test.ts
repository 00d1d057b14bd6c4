import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { lock, unlock } from '../lock.mjs';
import { root } from '../workspace.ts';
import { tree } from './tree.ts';

const LOCK = pathToFileURL(join(root, 'scripts/lock.mjs')).href;
/** Counts in a file under the lock: two at once would read the same number. */
const COUNT = `
  import { readFileSync, writeFileSync } from 'node:fs';
  import { lock, unlock } from '${LOCK}';
  const [folder, times] = process.argv.slice(1);
  for (let i = 0; i < Number(times); i += 1) {
    const isTaken = lock(folder + '/lock', 'counts');
    while (!isTaken()) await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
    const before = Number(readFileSync(folder + '/count', 'utf8'));
    await new Promise((resolve) => setTimeout(resolve, 1));
    writeFileSync(folder + '/count', String(before + 1));
    // Half of them end without giving it back.
    if (i === Number(times) - 1) process.exit();
    unlock(folder + '/lock');
  }`;

function counter(folder: string, times: number): ChildProcess {
  const args = ['--input-type=module', '--eval', COUNT, folder, String(times)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

it('lets one process in at a time, although some end without giving the lock back', async () => {
  const folder = tree({ count: '0' });
  const children = Array.from({ length: 6 }, () => counter(folder, 8));
  const ends = await Promise.all(children.map((child) => once(child, 'exit')));
  expect(ends.map(([code]) => code)).toEqual(children.map(() => 0));
  expect(readFileSync(join(folder, 'count'), 'utf8')).toBe('48');
});

it('says once who has it, and is free when its process has ended', async () => {
  const folder = tree({});
  const file = join(folder, 'lock');
  const holder = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)']);
  onTestFinished(() => void holder.kill('SIGKILL'));
  writeFileSync(file, String(holder.pid));
  const lines: string[] = [];
  const { write } = process.stderr;
  process.stderr.write = ((line: string) => lines.push(line) > 0) as typeof write;
  const isTaken = lock(file, 'packs');
  const before = [isTaken(), isTaken()];
  process.stderr.write = write;
  expect(before).toEqual([false, false]);
  expect(lines).toEqual([`Process ${holder.pid} packs: waiting until it ends (${file})\n`]);
  const ended = once(holder, 'exit');
  holder.kill('SIGKILL');
  await ended;
  expect(isTaken()).toBe(true);
  expect(readdirSync(folder)).toEqual(['lock']);
  unlock(file);
  expect(existsSync(file)).toBe(false);
});
