// Multicast from one machine to another: two network namespaces with a cable between them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { bundledProgram } from '../../../core/test/fixture/bundled-program.ts';

const pathOf = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Why it cannot run here, for the name of the test. */
function missing(): string {
  if (process.platform !== 'linux') return ': needs Linux';
  if (spawnSync('ip', ['-V']).status !== 0) return ': needs ip (Debian: iproute2)';
  const cable = 'ip link add v0 type veth peer name v1';
  const made = spawnSync('unshare', ['--map-root-user', '--net', 'sh', '-c', cable]);
  return made.status === 0 ? '' : ': needs the right to make network namespaces';
}

const absent = missing();
const program = await bundledProgram(new URL('../fixture/multicast-program.ts', import.meta.url));

describe.runIf(absent === '')(`two machines on one network${absent}`, () => {
  it('a group is heard over IPv4 and IPv6 while it is joined, and its sender is answered', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'headrace-'));
    const machines = [
      '--map-root-user',
      '--net',
      'sh',
      pathOf('../fixture/two-machines.sh'),
      folder,
    ];
    const { stdout, stderr } = spawnSync('unshare', [...machines, process.execPath, program], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    rmSync(folder, { recursive: true });
    expect([stdout, stderr]).toEqual([
      'IPv4: heard, false after leave, true again\nIPv6: heard, false after leave, true again\n',
      '',
    ]);
  });
});
