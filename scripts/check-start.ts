// Does `npm start` do what the README promises in a fresh clone? `check-start.ts CLONE` starts the chat on a free port,
// waits for its line, fetches the page and says AUTH over TCP, then ends it with SIGTERM and waits until the port is free.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { Program } from './program.ts';
import { Tally } from './tally.ts';
import { say } from './templates/conversations.ts';

/** It installs everything first. */
const START_TIMEOUT_MS = 240_000;
const STOP_TIMEOUT_MS = 15_000;
const isRefused = ({ code }: NodeJS.ErrnoException): boolean => code === 'ECONNREFUSED';
const tally = new Tally();

await tally.step('npm start: listens, answers AUTH, serves the page, ends on SIGTERM', async () => {
  const program = new Program('npm', ['start'], process.argv[2]!, { NETTY_TCP_PORT: '0' });
  try {
    const line = /listening tcp:\/\/[\d.]+:(\d+) (http:\S+)/;
    const [, port, url] = await program.waitFor(line, START_TIMEOUT_MS);
    assert.equal((await say(Number(port), 'AUTH:smoke\n')).trim(), 'AUTH_OK');
    assert.equal((await fetch(url!)).status, 200);
    program.stop();
    const isGone = () => say(Number(port), 'PING\n').then(() => false, isRefused);
    for (const end = Date.now() + STOP_TIMEOUT_MS; !(await isGone()); await delay(200))
      assert.ok(Date.now() < end, `still listening ${STOP_TIMEOUT_MS} ms after SIGTERM`);
  } finally {
    await program.terminate();
  }
});
tally.end('npm start');
