// Which way a server takes its connections, and why. Each case that hangs on how Node was started is a process of
// its own; `npm run check:nodes` runs them on the other versions of Node, too.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { MemoryNetwork, ServerBootstrap } from '@headrace/core';
import { afterAll, describe, expect, it } from 'vitest';
import {
  handleBelow,
  hasStreamMethods,
  obstacleOf,
  type Platform,
} from '../../../src/transport/node-handle/handle-obstacle.ts';
import type {
  ListeningHandle,
  StreamHandle,
} from '../../../src/transport/node-handle/stream-handle.ts';
import { bundledProgram } from '../../fixture/bundled-program.ts';

const pathOf = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const root = pathOf('../../../../../');
const folder = mkdtempSync(join(tmpdir(), 'hr-'));
afterAll(() => rmSync(folder, { recursive: true }));
const config = join(folder, 'node.config.json');
writeFileSync(config, JSON.stringify({ nodeOptions: { 'pending-deprecation': true } }));

const program = await bundledProgram(new URL('../../fixture/print-kind.ts', import.meta.url));

/** What a program prints that Node runs with these flags, and its exit code. */
async function run(
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  // An empty NODE_OPTIONS would have Node leave out what node.config.json says.
  const { NODE_OPTIONS: _, ...clean } = process.env;
  const child = spawn(process.execPath, [...flags, program], {
    cwd: root,
    env: { ...clean, ...env },
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes) => {
      printed += bytes;
    });
  }
  const code = await new Promise((resolve) => child.once('close', resolve));
  return `${printed}exit ${code}`;
}

const three = (line: string) => `${`${line}\n`.repeat(3)}exit 0`;
const hasFlag = (flag: string) => process.allowedNodeEnvironmentFlags.has(flag);

describe('auto', () => {
  const cases: readonly [
    name: string,
    why: string,
    flags: readonly string[],
    env?: Readonly<Record<string, string>>,
  ][] = [
    ['no flag', `handle debug Node ${process.version}, checked`, []],
    [
      '--throw-deprecation',
      'socket info deprecations throw (--throw-deprecation)',
      ['--throw-deprecation'],
    ],
    [
      '--throw_deprecation in NODE_OPTIONS',
      'socket info deprecations throw (--throw-deprecation)',
      [],
      { NODE_OPTIONS: '--throw_deprecation' },
    ],
    [
      '--pending_deprecation that throws',
      'socket info deprecations throw (--throw-deprecation)',
      ['--pending_deprecation', '--throw-deprecation'],
    ],
    [
      '--pending_deprecation',
      'socket info uses of internals are reported (--pending-deprecation)',
      ['--pending_deprecation'],
    ],
    [
      '--pending-deprecation in NODE_OPTIONS',
      'socket info uses of internals are reported (--pending-deprecation)',
      [],
      { NODE_OPTIONS: '--no-warnings --pending-deprecation' },
    ],
    [
      'NODE_PENDING_DEPRECATION',
      'socket info uses of internals are reported (--pending-deprecation)',
      [],
      { NODE_PENDING_DEPRECATION: '1' },
    ],
    [
      'HEADRACE_PUBLIC_API_ONLY',
      'socket debug HEADRACE_PUBLIC_API_ONLY is 1',
      [],
      { HEADRACE_PUBLIC_API_ONLY: '1' },
    ],
  ];
  for (const [name, line, flags, env] of cases) {
    it.concurrent(`with ${name}: ${line}`, async ({ expect: expectHere }) => {
      expectHere(await run(flags, env)).toBe(three(line));
    });
  }

  // There is no such file before Node 24; `npm run check:nodes` runs this on the others.
  if (Number.parseInt(process.versions.node, 10) >= 24) {
    it('sees what node.config.json says', async () => {
      const flags = ['--no-warnings', `--experimental-config-file=${config}`];
      expect(await run(flags)).toBe(
        three('socket info uses of internals are reported (--pending-deprecation)'),
      );
    });
  }

  // Nor such a permission.
  if (hasFlag('--allow-net')) {
    it('without the permission to use the network bind rejects, and the process goes on', async () => {
      const flags = ['--no-warnings', '--permission', '--allow-fs-read=*', '--allow-fs-write=*'];
      flags.push('--allow-addons', '--allow-worker', '--allow-child-process');
      const printed = await run(flags);
      const lines = printed.split('\n');
      expect(lines.map((line) => line.replace(/^.*?forbids it/, '…'))).toEqual([
        ...Array.from({ length: 3 }, () => '…: start Node with --allow-net (ERR_ACCESS_DENIED)'),
        'exit 0',
      ]);
    });
  }
});

describe('what stands against handles', () => {
  const base: Platform = {
    version: 'v24.1.0',
    versions: { node: '24.1.0' },
    binding: function binding() {},
  };
  function wrapped(): void {}
  const cases: readonly [platform: Partial<Platform>, why: RegExp | undefined][] = [
    [{}, undefined],
    [{ version: 'v28.0.0', versions: { node: '28.0.0' } }, /v28\.0\.0 is none of the versions/],
    [{ version: 'v23.1.0', versions: { node: '23.1.0' } }, /20, 22, 24, 26/],
    [{ versions: { node: '24.1.0', bun: '1.4.5' } }, /this is bun/],
    [{ versions: { node: '24.1.0', deno: '2.9.6' } }, /this is deno/],
    [{ versions: { node: '24.1.0', electron: '40.0.0' } }, /this is electron/],
    [{ throwDeprecation: true }, /throw/],
    [{ permission: {} }, /permission model/],
    [{ binding: wrapped }, /reported/],
    [
      {
        binding: Object.setPrototypeOf(
          function binding() {},
          () => {},
        ),
      },
      /reported/,
    ],
  ];
  for (const [platform, why] of cases) {
    it(`is ${why ?? 'nothing'}`, () => {
      const found = obstacleOf({ ...base, ...platform });
      if (why === undefined) expect(found).toBeUndefined();
      else expect(found).toMatch(why);
    });
  }
});

describe('handles that are asked for', () => {
  const bind = (options: object) =>
    new ServerBootstrap()
      .childHandler(() => {})
      .bind({ port: 0, host: '127.0.0.1', ...options } as { port: number });

  it('that are not available are refused, with the reason and the cure', async () => {
    process.throwDeprecation = true;
    const failure = await bind({ transport: 'handle' }).catch((error: unknown) => error);
    process.throwDeprecation = false;
    expect(failure).toMatchObject({
      name: 'OptionError',
      code: 'HR_ERR_OPTION_CONFLICT',
      message: expect.stringMatching(/is not available: deprecations throw.*leave the option out/),
    });
  });

  it('are nothing to ask for in memory, whose connections are of their own kind', async () => {
    const network = new MemoryNetwork();
    const bootstrap = new ServerBootstrap().childHandler(() => {});
    const server = await bootstrap.bind({ network, name: 'x' });
    expect(server.transportKind).toBe('memory');
    await server.close();
    const target = { network, name: 'x', transport: 'handle' };
    await expect(bootstrap.bind(target as never)).rejects.toThrow(
      /transport cannot be combined with network/,
    );
  });

  it('by another name are refused', async () => {
    await expect(bind({ transport: 'handles' })).rejects.toThrow(
      `transport is "handles", but must be 'auto', 'handle', 'socket' or 'bun'`,
    );
  });
});

it(`has the handles below a listening server and a TLS socket: Node ${process.version}`, async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  const secured = new TLSSocket(socket, { isServer: true });
  const listening = handleBelow<ListeningHandle>(server);
  const tls = handleBelow<StreamHandle>(secured);
  const organs = {
    'the handle of a server': listening !== undefined && listening !== null,
    'its onconnection': typeof listening?.onconnection === 'function',
    'the handle of a TLS socket with its methods': hasStreamMethods(tls),
    'its onread': typeof tls?.onread === 'function',
    'its bytesRead': typeof tls?.bytesRead === 'number',
    'its writeQueueSize': typeof tls?.writeQueueSize === 'number',
  };
  secured.destroy();
  socket.destroy();
  server.close();
  expect(Object.entries(organs).filter(([, isThere]) => !isThere)).toEqual([]);
});
