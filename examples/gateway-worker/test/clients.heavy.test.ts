// The clients in other languages, as programs of their own, against the API of the example.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CLUSTER_ERRORS } from '@headrace/cluster';
import { ChannelError } from '@headrace/core';
import type { ConnectionTarget, JsonValue } from '@headrace/gateway';
import type { LimitedHttpServer } from '@headrace/handlers/health';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApi } from '../src/api.ts';
import { isThere } from './program.ts';

const KEY = 'open-sesame';
const FOLDER = fileURLToPath(new URL('../clients/', import.meta.url));
const CLIENTS: readonly (readonly [program: string, args: readonly string[]])[] = [
  ['curl', ['sh', 'publish.sh']],
  ['php', ['php', 'publish.php']],
  ['python3', ['python3', 'publish.py']],
  ['go', ['go', 'run', 'publish.go']],
];

/** Each call reaches 2 connections, after the failures that a test asks for. */
let sent: [ConnectionTarget, JsonValue][] = [];
let failures = 0;
let server: LimitedHttpServer;

beforeAll(async () => {
  const connections = {
    publish: async (to: ConnectionTarget, message: JsonValue) => {
      failures -= 1;
      if (failures >= 0)
        throw new ChannelError(CLUSTER_ERRORS.BUS_DOWN, 'not now', { bus: 'memory' });
      sent.push([to, message]);
      return { connections: 2, nodes: 1 };
    },
    close: async () => 1,
    count: async () => 0,
  };
  server = await startApi(connections, { port: 0, key: KEY });
});
beforeEach(() => {
  sent = [];
  failures = 0;
});
afterAll(() => server.close());

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly output: string;
}

function run([program, ...args]: readonly string[], key = KEY): Promise<Ended> {
  const env = { ...process.env, API: `http://127.0.0.1:${server.port}`, API_KEY: key };
  return new Promise((resolve) => {
    execFile(program!, args, { cwd: FOLDER, env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code) || 1;
      resolve({ code, stdout, output: stdout + stderr });
    });
  });
}

describe.each(CLIENTS)('the client in %s', (program, command) => {
  it.skipIf(!isThere(program))(
    'publishes, tries again while the cluster fails, and says what is refused',
    async () => {
      const published = await run([...command, 'lobby', 'hi there']);
      expect(published.output).toBe(published.stdout);
      expect(JSON.parse(published.stdout)).toEqual({ delivered: 2 });
      failures = 1;
      expect((await run([...command, 'lobby', 'again'])).code).toBe(0);
      const to = { group: 'room-lobby' };
      expect(sent).toEqual([
        [to, 'hi there'],
        [to, 'again'],
      ]);
      const refused = await run([...command, 'two words', 'hi']);
      expect([refused.code > 0, refused.output]).toEqual([
        true,
        expect.stringContaining('WRONG_NAME'),
      ]);
      const wrong = await run([...command, 'lobby', 'hi'], 'wrong');
      expect([wrong.code > 0, wrong.output]).toEqual([true, expect.stringContaining('WRONG_KEY')]);
      expect(sent).toHaveLength(2);
    },
    300_000,
  );
});

/** Calls functions of GatewayWorker in PHP, and gives their results. */
async function called(calls: readonly (readonly [string, readonly unknown[]])[], key = KEY) {
  const { code, output } = await run(
    ['php', '../test/gateway-calls.php', JSON.stringify(calls)],
    key,
  );
  expect([code, output]).toEqual([0, expect.stringMatching(/^\[/)]);
  return JSON.parse(output) as unknown;
}

describe.skipIf(!isThere('php'))('the functions of GatewayWorker in PHP', () => {
  it('send to those that they name, each once', async () => {
    const ids = Array.from({ length: 101 }, (_, i) => `c${i}`);
    const calls = [
      ['sendToAll', ['hi']],
      ['sendToAll', ['hi', []]],
      ['sendToAll', ['hi', ids]],
      ['sendToClient', ['c1', 'hi']],
      ['sendToUid', [7, 'hi']],
      ['sendToUid', [['ann', 'bob'], 'hi']],
      ['sendToGroup', ['lobby', 'hi']],
      ['sendToGroup', [['lobby', 'bar'], 'hi']],
      ['closeClient', ['c1', 'bye']],
      ['destroyClient', ['c1']],
    ] as const;
    const nothing = null;
    expect(await called(calls)).toEqual([
      ...[nothing, nothing, nothing, true, nothing, nothing, nothing, nothing],
      ...[true, true],
    ]);
    expect(sent.map(([to, message]) => [Object.values(to)[0], message])).toEqual(
      [
        ...[true, ...ids.map((id) => `client-${id}`), 'client-c1', 'uid-7', 'uid-ann', 'uid-bob'],
        ...['room-lobby', 'room-lobby', 'room-bar'],
      ].map((name) => [name, 'hi']),
    );
  });

  it('try again while the cluster fails, and throw what is refused', async () => {
    failures = 1;
    const results = await called([
      ['sendToClient', ['c1', 'hi']],
      ['sendToGroup', ['two words', 'hi']],
      ['sendToGroup', [['lobby', 'two words', 'bar'], 'hi']],
    ]);
    const refused = { refused: 'WRONG_NAME', done: null };
    expect(results).toEqual([true, refused, refused]);
    expect(sent.map(([to]) => Object.values(to)[0])).toEqual([
      'client-c1',
      'room-lobby',
      'room-bar',
    ]);
    expect(await called([['isUidOnline', ['ann']]], 'wrong')).toEqual([
      { refused: 'WRONG_KEY', done: null },
    ]);
  });

  it('refuse what the HTTP API does not offer, and send nothing', async () => {
    const results = await called([
      ['joinGroup', ['c1', 'lobby']],
      ['sendToAll', ['hi', null, ['c1']]],
      ['sendToGroup', ['lobby', 'hi', 'c1']],
      ['sendToUid', ['ann', 'hi', true]],
    ]);
    const says = (text: string) => ({ notOffered: expect.stringContaining(text) });
    expect(results).toEqual([
      says('Gateway::joinGroup: '),
      says('exclude_client_id'),
      says('exclude_client_id'),
      says('raw'),
    ]);
    expect(sent).toEqual([]);
  });

  it('are all that the guide names', async () => {
    const code = `require 'Gateway.php'; $c = new ReflectionClass('GatewayClient\\Gateway');
      $own = array_map(fn ($m) => $m->name, $c->getMethods(ReflectionMethod::IS_PUBLIC));
      echo json_encode([...$own, ...$c->getConstant('OF_WORKERS')]);`;
    const { stdout } = await run(['php', '-r', code]);
    const guide = new URL('../../../docs/guides/gateway-and-worker.md', import.meta.url);
    const rows = readFileSync(guide, 'utf8').match(/^\| `(\w+\(|setSession).*?\|/gm)!;
    const named = rows.flatMap((row) => [...row.matchAll(/\b([a-z]+[A-Z]\w+|ungroup)[(`]/g)]);
    const names = new Set(named.map(([, name]) => name));
    expect(names.size).toBeGreaterThan(25);
    expect([...names].filter((name) => !JSON.parse(stdout).includes(name))).toEqual([]);
  });
});
