// Whether the kernel has really got the options of accepted connections, by its system calls.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const pathOf = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const PROBES =
  net.Socket.prototype.setKeepAlive.length >= 4 ? ['TCP_KEEPINTVL 7', 'TCP_KEEPCNT 3'] : [];
const hasStrace = spawnSync('strace', ['-V']).status === 0;

/** The options set by a worker of node:cluster that accepts one connection, and what it is made of. */
function traced(policy: string): { kind: string; options: string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'hr-'));
  const file = join(folder, 'trace');
  const trace = ['-f', '-qq', '-e', 'trace=setsockopt', '-o', file];
  const register = new URL('../../../../scripts/register.mjs', import.meta.url).href;
  const node = [process.execPath, '--conditions=@headrace/source', '--import', register];
  const { stdout } = spawnSync(
    'strace',
    [...trace, ...node, pathOf('../fixture/accept-in-cluster.ts'), policy],
    { cwd: pathOf('../../../../'), encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } },
  );
  const calls = readFileSync(file, 'utf8').matchAll(
    /setsockopt\(\d+, \w+, (\w+), \[(\d+)\], 4\) = 0/g,
  );
  rmSync(folder, { recursive: true });
  return {
    kind: stdout.trim(),
    options: Array.from(calls, ([, name, value]) => `${name} ${value}`),
  };
}

describe.runIf(hasStrace)('in a worker of node:cluster', () => {
  for (const [policy, kind] of [
    ['round-robin', 'socket'],
    ['none', 'handle'],
  ] as const) {
    it(`under the policy ${policy} the kernel gets noDelay and keepAlive`, () => {
      const found = traced(policy);
      expect(found.kind).toBe(kind);
      expect(found.options).toEqual(
        expect.arrayContaining(['TCP_NODELAY 1', 'SO_KEEPALIVE 1', 'TCP_KEEPIDLE 77', ...PROBES]),
      );
    });
  }
});
