// Strangers that would fill the log, and a log that cannot be written.
import { closeSync, existsSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { GoodMember } from './good-member.ts';
import { WatchedChat } from './watched-chat.ts';

const STRANGERS = 1000;
const AT_A_TIME = 50;
/** One address may guess so often at once: later guesses wait, and are another test's. */
const GUESSES = 50;
/** Ten lines, and how many more there were, of each kind for each period of ten seconds. */
const LINES_A_PERIOD = 11;
const PERIOD_MS = 10_000;
const KINDS = 3;

/** Connects, sends a line that is refused, and waits for the end. */
function beRefused(port: number, index: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.resume();
    // Three kinds of bad input, one of them with a text of its own each time.
    const words = ['x'.repeat(9000), 'GET /\x1b[2Jfake\n'];
    if (index < GUESSES * 3) words.push(`AUTH:id-${index}:wrong\n`);
    socket.end(words[index % words.length]!);
  });
}

async function attack(port: number): Promise<void> {
  for (let from = 0; from < STRANGERS; from += AT_A_TIME) {
    await Promise.all(Array.from({ length: AT_A_TIME }, (_, i) => beRefused(port, from + i)));
  }
}

const settings = { tokens: { good: 'secret' }, maxConnectionsPerAddress: 10_000 };

async function serves(chat: WatchedChat): Promise<void> {
  using good = await GoodMember.join(chat, 'good:secret');
  expect((await good.talk(100)).length).toBeGreaterThan(0);
  expect(chat.process.exitCode).toBeNull();
}

describe(`${STRANGERS} strangers that are refused`, () => {
  it('leave a few lines in the log, and their number', async () => {
    using chat = await WatchedChat.start(settings);
    const began = performance.now();
    await attack(chat.port);
    await serves(chat);
    const periods = 1 + Math.ceil((performance.now() - began) / PERIOD_MS);
    const lines = chat.stderr.split('\n').slice(0, -1);
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.length).toBeLessThanOrEqual(KINDS * LINES_A_PERIOD * periods);
    expect(lines.filter((line) => !/^\d{4}-\d\d-\d\dT[\d:.]+Z warn /.test(line))).toEqual([]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not come
    expect(chat.stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  });

  it('do not end a server whose standard error was closed', async () => {
    using chat = await WatchedChat.start(settings);
    chat.process.stderr!.destroy();
    await attack(chat.port);
    await serves(chat);
  });

  it.runIf(existsSync('/dev/full'))('do not end a server whose disk is full', async () => {
    const full = openSync('/dev/full', 'w');
    using chat = await WatchedChat.start(settings, [], full);
    closeSync(full);
    await attack(chat.port);
    await serves(chat);
  });

  it('do not stop a server whose standard error is not read', async () => {
    using chat = await WatchedChat.start(settings);
    chat.process.stderr!.removeAllListeners('data').pause();
    await attack(chat.port);
    await serves(chat);
  });
});
