// Does `npm start` do what the README promises? Starts the chat on a free port, waits for its line,
// fetches the page and says AUTH over TCP, then ends it with SIGTERM and waits until the port is free.
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const LINE = /listening tcp:\/\/([\d.]+):(\d+) (http:\S+)/;
const START_TIMEOUT_MS = 240_000;
const STOP_TIMEOUT_MS = 15_000;

/** What the server answers on a new TCP connection; rejects when nobody listens. */
function ask(host, port, text) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port }, () => socket.write(text));
    socket.setTimeout(5000, () => socket.destroy(new Error(`no answer to ${text.trim()}`)));
    socket.on('error', reject);
    socket.once('data', (data) => {
      socket.destroy();
      resolve(String(data).trim());
    });
  });
}

async function waitForLine(child) {
  let output = '';
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no line within time:\n${output}`)),
      START_TIMEOUT_MS,
    );
    const look = (text) => {
      output += text;
      const match = LINE.exec(output);
      if (match === null) return;
      clearTimeout(timer);
      resolve({ host: match[1], port: Number(match[2]), url: match[3] });
    };
    child.stdout.setEncoding('utf8').on('data', look);
    child.stderr.setEncoding('utf8').on('data', look);
    child.on('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`npm start ended with exit code ${code}:\n${output}`));
    });
  });
}

async function waitUntilGone(host, port) {
  for (const end = Date.now() + STOP_TIMEOUT_MS; Date.now() < end; await delay(200)) {
    const isGone = await ask(host, port, 'PING\n').then(
      () => false,
      (error) => error.code === 'ECONNREFUSED',
    );
    if (isGone) return;
  }
  throw new Error(`still listening ${STOP_TIMEOUT_MS} ms after SIGTERM`);
}

function expectEqual(actual, expected, what) {
  if (actual !== expected) throw new Error(`${what}: ${actual}, not ${expected}`);
}

const child = spawn('npm', ['start'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: { ...process.env, NETTY_TCP_PORT: '0' },
  stdio: ['ignore', 'pipe', 'pipe'],
  detached: true,
});
try {
  const { host, port, url } = await waitForLine(child);
  expectEqual(await ask(host, port, 'AUTH:smoke\n'), 'AUTH_OK', 'AUTH:smoke');
  const page = await fetch(url);
  expectEqual(page.status, 200, `GET ${url}`);
  await page.text();
  child.removeAllListeners('exit');
  child.kill('SIGTERM');
  await waitUntilGone(host, port);
  console.log('ok    npm start: listens, answers AUTH, serves the page, ends on SIGTERM');
} catch (error) {
  console.error(`FAIL  npm start: ${error.message}`);
  process.exitCode = 1;
} finally {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The whole group is gone already.
  }
}
