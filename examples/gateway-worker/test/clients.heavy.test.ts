// The clients in other languages, as programs of their own, against the API of the example.
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ConnectionTarget, JsonValue } from '@headrace/cluster/gateway';
import { ChannelError } from '@headrace/core';
import type { LimitedHttpServer } from '@headrace/handlers/health';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApi } from '../src/api.ts';

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
      if (failures >= 0) throw new ChannelError('CHANNEL_CLOSED', 'not now');
      sent.push([to, message]);
      return { connections: 2, nodes: 1 };
    },
    close: async () => 0,
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

function isThere(program: string): boolean {
  const found = spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
  if (!found && process.env['CI'] === 'true') throw new Error(`${program} is missing: install it`);
  return found;
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
