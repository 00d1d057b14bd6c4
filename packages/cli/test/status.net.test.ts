import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server as TcpServer,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Clock, systemClock } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { ServerMetrics } from '@headrace/handlers';
import { type HealthServer, processStatus, serveHealth } from '@headrace/handlers/health';
import { afterEach, describe, expect, it } from 'vitest';
import { readCommandLine } from '../src/command-line.ts';
import { run } from '../src/main.ts';
import { processReport, served } from './process-report.ts';

const KEY = 'open-sesame';
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function healthServer(notReady: readonly string[] = []): Promise<HealthServer> {
  const status = processStatus({ metrics: new ServerMetrics(), name: 'shop' });
  const ready = Object.fromEntries(notReady.map((name) => [name, () => false]));
  const health = await serveHealth({ port: 0, key: KEY, status, ready });
  ends.push(() => health.close());
  return health;
}

/** A server that is not a health server. */
async function listening(server: Server | TcpServer): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

const answering = (answer: RequestListener): Promise<number> =>
  listening(createServer({ keepAlive: false }, answer));
const answeringJson = (value: unknown): Promise<number> =>
  answering((_, response) => response.end(JSON.stringify(value)));

/** `JSON.stringify`, for a value that is too deep for it. */
function asJson(value: unknown): string {
  const { more, ...rest } = (value ?? {}) as { more?: unknown };
  if (value === null || more === undefined) return JSON.stringify(value);
  return `{"more":${'['.repeat(50_000)}${']'.repeat(50_000)},${JSON.stringify(rest).slice(1)}`;
}

interface Ran {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

interface Around {
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly columns?: number;
  readonly onPrint?: (text: string, abort: () => void) => void;
}

async function runs(args: readonly string[], around: Around = {}): Promise<Ran> {
  let output = '';
  let errors = '';
  const abort = new AbortController();
  const code = await run(args, {
    env: around.env ?? { HEADRACE_KEY: KEY },
    clock: around.clock ?? systemClock,
    columns: () => around.columns,
    signal: abort.signal,
    print: (text) => {
      output += text;
      around.onPrint?.(text, () => abort.abort());
    },
    warn: (text) => {
      errors += text;
    },
  });
  return { code, output, errors };
}

describe('headrace status', () => {
  it('prints the numbers of a program, from the process of the command', async () => {
    const { port } = await healthServer();
    const bin = fileURLToPath(new URL('../src/bin.ts', import.meta.url));
    const register = new URL('../../../scripts/register.mjs', import.meta.url).href;
    const args = ['--conditions=@headrace/source', '--import', register, bin, 'status', `${port}`];
    const env = { ...process.env, HEADRACE_KEY: KEY };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env });
    expect(stdout).toMatch(/^PROCESS .* MEMORY\nshop .*[MG]B\n/);
    expect(stdout).not.toContain('\x1b');
    expect(stderr).toBe('');
  });

  it('asks many programs, and ends with 1 if one does not answer or is not ready', async () => {
    const [one, two] = [await healthServer(), await healthServer(['bus'])];
    const both = await runs(['status', `127.0.0.1:${one.port}`, `http://localhost:${one.port}/`]);
    expect([both.code, both.errors]).toEqual([0, '']);
    expect(both.output).toMatch(/^all /m);
    const notReady = await runs(['status', String(one.port), String(two.port)]);
    expect(notReady.code).toBe(1);
    expect(notReady.output).toContain('not ready: bus\n');
    await two.close();
    const gone = await runs(['status', String(one.port), String(two.port)]);
    expect(gone.code).toBe(1);
    expect(gone.output).toContain('\nshop ');
    expect(gone.errors).toBe(
      `headrace: nothing listens on 127.0.0.1:${two.port}: a program serves it with serveHealth({ port: 9464, key, status: processStatus({ metrics }) })\n`,
    );
  });

  it('asks each address of a name with --all', async () => {
    const { port } = await healthServer();
    const { code, output } = await runs(['status', '--all', `http://127.0.0.1:${port}/status`]);
    expect([code, output]).toEqual([0, expect.stringMatching(/^shop /m)]);
    const named = await runs(['status', '--all', `localhost:${port}`]);
    // Where localhost has an IPv6 address, too, nothing listens on it.
    expect(named.output).toMatch(/^shop /m);
    expect(named.errors).toMatch(
      /^(headrace: nothing listens on \[::1\]:\d+: a program serves it with .*\n)?$/,
    );
  });

  it('prints JSON', async () => {
    const { port } = await healthServer();
    const { code, output } = await runs(['status', '--json', String(port)]);
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject({
      statuses: [{ headrace: 'status', processes: [{ name: 'shop' }] }],
      failures: [],
    });
  });

  it('reads the key from a file', async () => {
    const { port } = await healthServer();
    const folder = mkdtempSync(join(tmpdir(), 'headrace-'));
    ends.push(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'key');
    writeFileSync(file, `${KEY}\n`);
    const args = ['status', '--key-file', file, String(port)];
    expect((await runs(args, { env: {} })).code).toBe(0);
    writeFileSync(file, 'two words');
    expect(await runs(args)).toMatchObject({ code: 2, errors: expect.stringContaining('no key') });
    rmSync(file);
    expect(await runs(args)).toMatchObject({
      code: 2,
      errors: expect.stringContaining('cannot be read'),
    });
  });

  it('looks again with --watch, in place on a terminal and one below the other in a pipe', async () => {
    const { port } = await healthServer();
    const clock = new VirtualClock();
    const shown: string[] = [];
    const onPrint = (text: string, abort: () => void): void => {
      shown.push(text);
      if (shown.length % 2 === 0) abort();
      else setImmediate(() => clock.advance(3000));
    };
    const args = ['status', '--watch', '--every', '3', String(port)];
    const pipe = await runs(args, { clock, onPrint });
    expect(pipe.code).toBe(0);
    expect(shown).toHaveLength(2);
    expect(pipe.output).not.toContain('\x1b');
    expect(pipe.output.match(/PROCESS/g)).toHaveLength(2);
    const terminal = await runs(args, { clock, onPrint, columns: 200 });
    expect(terminal.output.split('\x1b[H\x1b[JPROCESS')).toHaveLength(3);
    const json = await runs([...args, '--json'], { clock, onPrint });
    expect(json.output.trimEnd().split('\n')).toHaveLength(2);
  });

  it('shows the other processes, if one has an odd report', async () => {
    const good = processReport({ name: 'good' });
    const odd = [
      null,
      { ...good, name: 'without memory', memory: undefined },
      { ...good, name: 'deep', more: 'deep' },
      {
        ...good,
        name: 'hold',
        channels: {
          ...good.channels,
          slowest: [{ id: '', remote: '', waitingBytes: 1, heldMs: 0, holds: [{ toString: 1 }] }],
        },
      },
    ];
    for (const one of odd) {
      const body = JSON.stringify({ ...served(good), processes: [0] }).replace(
        '[0]',
        () => `[${asJson(good)},${asJson(one)}]`,
      );
      const port = await answering((_, response) => response.end(body));
      const { code, output, errors } = await runs(['status', String(port)]);
      expect([code, errors]).toEqual([1, '']);
      expect(output).toMatch(/^good /m);
      expect(output).toContain('its report lacks fields, or has them with other types');
      const json = await runs(['status', String(port), '--json']);
      expect(JSON.parse(json.output)).toMatchObject({
        statuses: [{ processes: [{ name: 'good' }] }],
      });
    }
  });

  it('goes on with --watch while the program does not answer', async () => {
    const health = await healthServer();
    await health.close();
    const clock = new VirtualClock();
    let looks = 0;
    const onPrint = (_: string, abort: () => void): void => {
      looks += 1;
      if (looks === 3) abort();
      else setImmediate(() => clock.advance(2000));
    };
    const { code } = await runs(['status', '--watch', String(health.port)], { clock, onPrint });
    expect([code, looks]).toEqual([2, 3]);
  });
});

describe('headrace status says', () => {
  const fails = async (args: readonly string[], around?: Around): Promise<string> => {
    const { code, output, errors } = await runs(['status', ...args], around);
    expect([code, output]).toEqual([2, '']);
    return errors;
  };

  it('that the key is missing or wrong', async () => {
    const port = String((await healthServer()).port);
    expect(await fails([port], { env: {} })).toBe(
      `headrace: 127.0.0.1:${port} needs a key: set HEADRACE_KEY, or use --key-file\n`,
    );
    expect(await fails([port], { env: { HEADRACE_KEY: 'sesame' } })).toBe(
      `headrace: 127.0.0.1:${port} refuses the key\n`,
    );
  });

  it('that the server is not a health server, or one without a status', async () => {
    const without = await serveHealth({ port: 0 });
    ends.push(() => without.close());
    expect(await fails([String(without.port)])).toContain('a program serves it with serveHealth(');
    const page = await answering((_, response) => response.end('<p>hello'));
    expect(await fails([String(page)])).toContain('is not the status of a Headrace program');
    const other = await answeringJson({ status: 'ok' });
    expect(await fails([String(other)])).toContain('is not the status of a Headrace program');
    const away = await answering((_, response) =>
      response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    );
    expect(await fails([String(away)])).toContain('unexpected HTTP status 302');
    const broken = await answering((_, response) => response.writeHead(500).end());
    expect(await fails([String(broken)])).toContain('its log has the reason');
    const silent = await listening(createTcpServer((socket) => void socket.end('hello\n')));
    expect(await fails([String(silent)])).toContain('does not speak HTTP');
    const closing = await listening(createTcpServer((socket) => void socket.destroy()));
    expect(await fails([String(closing)])).toContain('closed the connection without an answer');
  });

  it('that the format is newer, or lacks fields', async () => {
    const newer = await answeringJson({ ...served(), version: 2 });
    expect(await fails([String(newer)])).toContain('newer version of headrace');
    const bad = [
      { ...served(), processes: [{ name: 'a' }] },
      served(processReport({ errors: { a: 'x' } as never })),
      served(processReport({ uptimeMs: '\x1b' as never })),
      served({
        ...processReport(),
        channels: { ...processReport().channels, slowest: [{}] as never },
      }),
      { ...served(), missing: [5] },
      { ...served(), notReady: undefined },
    ];
    for (const status of bad) {
      expect(await fails([String(await answeringJson(status))])).toContain('missing fields');
    }
  });

  it('that there is no answer in time, and reads no answer without an end', async () => {
    const silent = await listening(createTcpServer((socket) => void socket.on('error', () => {})));
    expect(await fails(['--timeout', '0.1', String(silent)])).toBe(
      `headrace: 127.0.0.1:${silent} did not answer within 0.1 s\n`,
    );
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    const endless = await answering((_, response) => {
      const more = (): void => {
        if (!response.destroyed) response.write(chunk, () => setImmediate(more));
      };
      response.on('error', () => {});
      more();
    });
    expect(await fails([String(endless)])).toContain('more than 16777216 bytes');
  });

  it('asks the port of the guides without a URL', () => {
    const { urls } = readCommandLine(['status']) as { readonly urls: readonly URL[] };
    expect(urls.map(String)).toEqual(['http://127.0.0.1:9464/status']);
  });

  it.each([
    [['ftp://a'], 'is not a URL of HTTP'],
    [['a b'], 'is not a URL of HTTP'],
    [['http://me:secret@a'], 'set HEADRACE_KEY'],
    [['--every', '3', '9464'], '--every needs --watch'],
    [['--watch', '--every', '0', '9464'], 'from 0.1 to 3600'],
    [['--timeout', 'soon', '9464'], 'from 0.1 to 3600'],
    [['--color', '9464'], 'no option --color'],
    [['--key-file'], 'argument missing'],
  ])('what is wrong with the arguments %j', async (args, text) => {
    const errors = await fails(args);
    expect(errors).toContain(text);
    expect(errors.split('\n')).toHaveLength(2);
    expect(errors).not.toContain('secret');
  });
});

describe('headrace', () => {
  it('explains its command, and names the package of a command that is there', async () => {
    const help = await runs(['--help']);
    expect(help).toMatchObject({ code: 0, errors: '' });
    expect(help.output).toContain('headrace status [URL ...]');
    expect((await runs([])).errors).toContain('no command: there is status');
    expect((await runs(['start'])).errors).toContain('no command start');
    const moved = await runs(['check-service', 'old.json', 'new.json']);
    expect(moved.code).toBe(2);
    expect(moved.errors).toContain('is a command of @headrace/service-check');
  });
});
