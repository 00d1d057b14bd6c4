import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BindOptions,
  Bootstrap,
  type Channel,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { describeTransport } from '@headrace/core/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { localPath } from '../fixture/local-path.ts';

const folder = mkdtempSync(join(tmpdir(), 'hr-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = localPath(folder, 'contract');

for (const transport of ['handle', 'socket'] as const) {
  describeTransport(
    { describe, it, expect },
    {
      name: `path on ${transport}s`,
      bind: () => ({ path, transport }),
      connect: () => ({ path }),
      nobody: () => ({ path: localPath(folder, 'nobody') }),
      resets: false,
      transferBytes: 32 * 1024 * 1024,
    },
  );
}

function bind(options: Partial<BindOptions>): Promise<Server> {
  const bootstrap = new ServerBootstrap().options({ logger: silentLogger }).childHandler(() => {});
  return bootstrap.bind(options as BindOptions);
}

/** Leaves a socket file, as a program does that is killed. */
function crashOn(file: string): void {
  const program = `require('net').createServer().listen(${JSON.stringify(file)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', program]);
  expect(existsSync(file)).toBe(true);
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

// Windows has pipes in place of files: none is left behind, none belongs to a user.
describe.skipIf(process.platform === 'win32')('a path, as a file', () => {
  it('is the address of the server, and goes with it', async () => {
    const server = await bind({ path });
    expect([server.address, server.port, String(server.channel)]).toEqual([
      { path },
      0,
      expect.stringContaining(`L:${path}`),
    ]);
    await server.close();
    for (let i = 0; i < 100 && existsSync(path); i++) await turn();
    expect(existsSync(path)).toBe(false);
  });

  it('refuses the file of a crashed program, with the cure in the text', async () => {
    const stale = join(folder, 'stale');
    crashOn(stale);
    await expect(bind({ path: stale })).rejects.toMatchObject({
      code: 'HR_ERR_BIND_FAILED',
      message: expect.stringMatching(/left its file there.*replaceStale: true \(EADDRINUSE\)/),
    });
    expect(existsSync(stale)).toBe(true);
    const server = await bind({ path: stale, replaceStale: true });
    const client = await new Bootstrap().handler(() => {}).connect({ path: stale });
    await client.close();
    await server.close();
  });

  it('refuses a folder that does not exist, which is not a matter of rights', async () => {
    await expect(bind({ path: join(folder, 'missing', 'socket') })).rejects.toMatchObject({
      code: 'HR_ERR_BIND_FAILED',
      message: expect.stringMatching(
        /: its folder does not exist \(EACCES|: its folder does not exist \(ENOENT/,
      ),
    });
  });

  it('is never taken from a program that listens, nor from a plain file', async () => {
    const live = join(folder, 'live');
    const server = await bind({ path: live });
    await expect(bind({ path: live, replaceStale: true })).rejects.toMatchObject({
      details: { code: 'EADDRINUSE' },
    });
    expect(existsSync(live)).toBe(true);
    await server.close();
    const plain = join(folder, 'plain');
    writeFileSync(plain, 'precious');
    await expect(bind({ path: plain, replaceStale: true })).rejects.toMatchObject({
      details: { code: 'EADDRINUSE' },
      message: expect.stringMatching(/a file or folder has this name: choose another path/),
    });
    expect(statSync(plain).size).toBe(8);
  });

  it('in a folder that is not there, or not ours, says so', async () => {
    await expect(bind({ path: join(folder, 'no', 'folder') })).rejects.toMatchObject({
      message: expect.stringMatching(/its folder does not exist|this user may not use it/),
    });
    if (process.getuid?.() === 0) return;
    const closed = mkdtempSync(join(folder, 'closed-'));
    chmodSync(closed, 0o500);
    await expect(bind({ path: join(closed, 'x') })).rejects.toMatchObject({
      message: expect.stringContaining('this user may not use it (EACCES)'),
    });
  });

  it('can be open to every user', async () => {
    const server = await bind({ path, readableAll: true, writableAll: true });
    expect(statSync(path).mode & 0o666).toBe(0o666);
    await server.close();
  });

  it('that the system would cut off is refused before a socket exists', async () => {
    const long = join(folder, 'x'.repeat(120));
    const problem = {
      code: 'HR_ERR_OPTION_INVALID',
      message: expect.stringMatching(/has \d+ bytes/),
    };
    await expect(bind({ path: long })).rejects.toMatchObject(problem);
    await expect(new Bootstrap().handler(() => {}).connect({ path: long })).rejects.toMatchObject(
      problem,
    );
    await expect(bind({ path: '' })).rejects.toThrow('path is ""');
  });

  it('without a listener refuses', async () => {
    const dead = join(folder, 'dead');
    crashOn(dead);
    const bootstrap = new Bootstrap().handler(() => {});
    await expect(bootstrap.connect({ path: dead })).rejects.toMatchObject({
      code: 'HR_ERR_CHANNEL_REFUSED',
    });
  });

  it('fails the write that finds the peer gone, even when it finds out at once', async () => {
    const server = await bind({ path });
    server.on('connection', (child) => void child.close());
    const client = (await new Bootstrap()
      .options({ allowHalfOpen: true, logger: silentLogger })
      .handler(() => {})
      .connect({ path })) as Channel;
    while (!client.isInputShutdown) await turn();
    const future = client.writeAndFlush(Buffer.alloc(10));
    await expect(future).rejects.toMatchObject({ code: 'HR_ERR_CHANNEL_RESET' });
    expect(client.closeInfo?.reason).toBe('reset');
    await server.close();
  });
});

describe('a place', () => {
  const cases: readonly [why: string, target: object, message: RegExp][] = [
    [
      'none',
      {},
      /exactly one of port, path, network with name or port, or listener, but got nothing/,
    ],
    ['two', { port: 0, path: 'x' }, /but got port and path/],
    ['a host beside a path', { path: 'x', host: 'localhost' }, /host cannot be combined with path/],
    [
      'a stale file beside a port',
      { port: 0, replaceStale: true },
      /replaceStale cannot be combined/,
    ],
    [
      'a misspelt word',
      { port: 0, hots: 'localhost' },
      /no option hots \("localhost"\); did you mean host\?/,
    ],
    [
      'an option of a connect',
      { port: 0, family: 4 },
      /^bind has no option family \(4\); it has port, host/,
    ],
    [
      'several sockets on a path',
      { path: 'x', reusePort: true },
      /reusePort cannot be combined with path/,
    ],
    [
      'nothing at all',
      undefined as never,
      /^bind takes an object with port, .* but got undefined$/,
    ],
    ['a bare port', 8080 as never, /^bind takes an object with port, .* but got number 8080$/],
    ['a network that is none', { network: {}, name: 'x' }, /network must be a MemoryNetwork/],
  ];
  for (const [why, target, message] of cases) {
    it(`refuses ${why}`, async () => {
      await expect(bind(target)).rejects.toMatchObject({ name: 'OptionError' });
      await expect(bind(target)).rejects.toThrow(message);
    });
  }
});
