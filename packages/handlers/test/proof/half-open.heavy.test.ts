import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** Network namespaces need Linux, root and iproute2; where they are missing there is no link to cut. */
function canCutLinks(): boolean {
  try {
    execFileSync('ip', ['netns', 'add', 'headrace-probe'], { stdio: 'ignore' });
    execFileSync('ip', ['netns', 'delete', 'headrace-probe'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

type Told = {
  ports?: Record<string, number>;
  connected?: number;
  closed?: string;
  reason?: string;
};

/** A program that reports by lines of JSON what has happened. */
class Program {
  readonly process: ChildProcess;
  readonly told: Told[] = [];
  private errors = '';
  private wake: () => void = () => {};

  constructor(within: readonly string[], ...args: readonly string[]) {
    const [command, ...rest] = [...within, process.execPath, ...args];
    this.process = spawn(command!, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    let pending = '';
    this.process.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (pending + text).split('\n');
      pending = lines.pop()!;
      this.told.push(...lines.map((line) => JSON.parse(line) as Told));
      this.wake();
    });
    this.process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
    });
    this.process.on('exit', () => this.wake());
  }

  /** Waits for the first that fits, no longer than so. */
  async until(fits: (told: Told) => boolean, withinMs: number): Promise<Told | undefined> {
    const endsAt = Date.now() + withinMs;
    for (;;) {
      const found = this.told.find(fits);
      const leftMs = endsAt - Date.now();
      if (found !== undefined || leftMs <= 0) return found;
      if (this.process.exitCode !== null) throw new Error(`it ended: ${this.errors}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

const running: Program[] = [];
const cleanUps: (() => void)[] = [];

afterAll(() => {
  for (const program of running.splice(0)) program.process.kill('SIGKILL');
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

async function serverAndClient(host: string, serverIn: string[], clientIn: string[]) {
  const server = new Program(
    serverIn,
    '--conditions=@headrace/source',
    '--import',
    pathOf('../../../../scripts/register.mjs'),
    pathOf('./half-open-server.ts'),
    host,
  );
  running.push(server);
  const { ports } = (await server.until((told) => told.ports !== undefined, 30_000))!;
  const all = Object.values(ports!).map(String);
  const client = new Program(clientIn, pathOf('./half-open-client.mjs'), host, ...all);
  running.push(client);
  await client.until((told) => told.connected === all.length, 30_000);
  // Long enough for a heartbeat to have been answered: nothing closes while the peer lives.
  const early = await server.until((told) => told.closed !== undefined, 5000);
  expect(early).toBeUndefined();
  return { server, client };
}

const STRICT = ['strict, idle', 'strict, writing'];
/** For what hangs only: that strict heartbeats find it in 6 to 9 s a virtual clock proves, in ../simulation/half-open.test.ts. */
const LIMIT_MS = 60_000;

/** Waits until these have closed, in whatever order; why each connection closed so far, by its name. */
async function closesOf(server: Program, names: readonly string[]): Promise<Map<string, Told>> {
  for (const name of names) await server.until(({ closed }) => closed === name, LIMIT_MS);
  return new Map(
    server.told.filter(({ closed }) => closed !== undefined).map((told) => [told.closed!, told]),
  );
}

function expectHeartbeats(closes: ReadonlyMap<string, Told>): void {
  for (const name of STRICT) expect(closes.get(name)?.reason).toBe('heartbeat');
}

// Each waits for 25 s, and does nothing meanwhile: both at once.
describe.concurrent('a peer that is gone without a word', () => {
  it.runIf(canCutLinks())(
    'cable cut: strict heartbeats find it, keepalive only on an idle connection',
    async () => {
      const id = process.pid.toString(36);
      const [left, right] = [`hra-${id}`, `hrb-${id}`];
      const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'pipe' });
      for (const name of [left, right]) {
        ip('netns', 'add', name);
        cleanUps.push(() => ip('netns', 'delete', name));
      }
      ip('link', 'add', 'eth0', 'netns', left, 'type', 'veth', 'peer', 'eth0', 'netns', right);
      for (const [name, address] of [
        [left, '10.99.0.1/24'],
        [right, '10.99.0.2/24'],
      ] as const) {
        ip('-n', name, 'address', 'add', address, 'dev', 'eth0');
        ip('-n', name, 'link', 'set', 'eth0', 'up');
        ip('-n', name, 'link', 'set', 'lo', 'up');
      }
      const within = (name: string) => ['ip', 'netns', 'exec', name];
      const { server } = await serverAndClient('10.99.0.1', within(left), within(right));

      ip('-n', right, 'link', 'set', 'eth0', 'down');
      const closes = await closesOf(server, [...STRICT, 'keepalive, idle']);
      expectHeartbeats(closes);
      // Ten probes of a second, the first when it had been idle for 5 s; with unacknowledged output not even that.
      expect(closes.get('keepalive, idle')?.reason).toBe('unreachable');
      expect(closes.size).toBe(3);
    },
  );

  it('a process stopped while its kernel lives: strict heartbeats find it, keepalive never', async () => {
    const { server, client } = await serverAndClient('127.0.0.1', [], []);
    client.process.kill('SIGSTOP');
    expectHeartbeats(await closesOf(server, STRICT));
    // Its kernel acknowledges everything, so nobody else notices, in the time in which keepalive finds a cut cable.
    await server.until(() => false, 15_000);
    expect((await closesOf(server, [])).size).toBe(STRICT.length);
  });
});
