import { execFile, execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** Network namespaces need Linux, root and iproute2; where they are missing there is no cable to cut. */
function canCutCables(): boolean {
  try {
    execFileSync('ip', ['netns', 'add', 'headrace-example-probe'], { stdio: 'ignore' });
    execFileSync('ip', ['netns', 'delete', 'headrace-example-probe'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('half-open', () => {
  it.runIf(canCutCables())(
    'a cut cable is found by strict heartbeats and by large writes, and by nothing else until relaxed ones find it',
    async () => {
      const { stdout } = await promisify(execFile)(process.execPath, [
        '--conditions=@headrace/source',
        '--import',
        pathOf('../../../scripts/register.mjs'),
        pathOf('../src/main.ts'),
        // The last of these is found after 13 s at most, the next one after 30 s at least.
        '23',
      ]);
      const lines = stdout.trim().split('\n').slice(1);
      const found = lines.filter((line) => !line.startsWith('    open  '));
      expect(lines).toHaveLength(12);
      expect(found.map((line) => line.replace(/^ *[\d.]+ s {2}/, ''))).toEqual([
        'nothing; 64 KiB every 100 ms: slow-consumer',
        'nothing; 4 MiB at once: slow-consumer',
        'HeartbeatHandler, strict; idle: heartbeat',
        'HeartbeatHandler, strict; a write every 2 s: heartbeat',
      ]);
    },
  );
});
