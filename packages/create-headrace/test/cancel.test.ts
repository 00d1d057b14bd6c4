import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { install } from '../src/install.ts';

const BIN = fileURLToPath(new URL('../src/bin.ts', import.meta.url));
const REGISTER = new URL('../../../scripts/register.mjs', import.meta.url).href;

let place = '';
let server: Server;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'create-headrace-'));
  server = createServer();
});
afterEach(() => {
  vi.unstubAllEnvs();
  server.close();
  rmSync(place, { recursive: true });
});

/** An npm that makes a folder, says so, and when it is ended writes once more, as soon as it may. */
async function slowNpm(): Promise<{ path: string; installing: Promise<Socket[]> }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const path = join(place, 'bin');
  mkdirSync(path);
  const program = `#!${process.execPath}
const fs = require('node:fs');
const late = process.cwd() + '/node_modules/late';
fs.mkdirSync('node_modules');
process.chdir('/');
const test = require('node:net').connect(${port}, '127.0.0.1');
process.on('SIGTERM', () => test.write('ending'));
test.once('data', () => {
  fs.mkdirSync(late, { recursive: true });
  process.exit(1);
});
`;
  writeFileSync(join(path, 'npm'), program);
  chmodSync(join(path, 'npm'), 0o755);
  return { path, installing: once(server, 'connection') as Promise<Socket[]> };
}

it.skipIf(process.platform === 'win32')(
  'Ctrl+C while it installs leaves nothing, and exits with 130',
  async () => {
    const { path, installing } = await slowNpm();
    const args = ['--import', REGISTER, BIN, 'deep/app', '--template', 'line-server'];
    const child = spawn(process.execPath, args, {
      cwd: place,
      env: { ...process.env, PATH: `${path}${delimiter}${process.env['PATH']}` },
      stdio: 'ignore',
    });
    const [npm] = await installing;
    const ended = once(
      npm!.on('error', () => {}),
      'close',
    );
    expect(existsSync(join(place, 'deep/app/node_modules'))).toBe(true);
    child.kill('SIGINT');
    await once(npm!, 'data');
    npm!.write('go on');
    expect(await once(child, 'exit')).toEqual([130, null]);
    await ended;
    expect(readdirSync(place)).toEqual(['bin']);
  },
);

it.skipIf(process.platform === 'win32')(
  'an installation that is ended is over when the package manager writes no more',
  async () => {
    const { path, installing } = await slowNpm();
    vi.stubEnv('PATH', `${path}${delimiter}${process.env['PATH']}`);
    const end = new AbortController();
    let isOver = false;
    const installed = install('npm', place, end.signal).finally(() => {
      isOver = true;
    });
    const [npm] = await installing;
    npm!.on('error', () => {});
    end.abort();
    await once(npm!, 'data');
    expect(isOver).toBe(false);
    npm!.write('go on');
    expect(await installed).toMatchObject({ ok: false });
    expect(existsSync(join(place, 'node_modules/late'))).toBe(true);
  },
);

it('an installation without a package manager is over, and says why', async () => {
  vi.stubEnv('PATH', place);
  const { ok, output } = await install('npm', place, new AbortController().signal);
  expect(ok).toBe(false);
  expect(output).not.toBe('');
});
