// The server as a process: how it starts, how it ends.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { bundledProgram } from '../../../packages/core/test/fixture/bundled-program.ts';
import { connectPeer, FRAMINGS, joinAs } from './chat-peer.ts';
import { ChatProcess } from './chat-process.ts';

const main = await bundledProgram(new URL('../src/main.ts', import.meta.url));
const started: ChatProcess[] = [];

/** A program whose timers of more than five seconds never come: the end of what it waits for is not that. */
const WAITS_FOR_EVER = {
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(`
    const set = globalThis.setTimeout;
    globalThis.setTimeout = (run, ms) => set(run, ms > 5000 ? 2 ** 31 - 1 : ms);
  `)}`,
};

function start(
  env: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): ChatProcess {
  const program = new ChatProcess(main, args, env);
  started.push(program);
  return program;
}

afterEach(() => {
  for (const program of started.splice(0)) program.kill('SIGKILL');
});

// Windows has no signal that a program could answer.
const hasSignals = process.platform !== 'win32';

describe.runIf(hasSignals)('the end', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s says BYE to everybody and exits with 0',
    async (signal) => {
      const server = start();
      const port = await server.port();
      const members = await Promise.all(FRAMINGS.map((framing) => joinAs(port, framing, framing)));
      const guests = await Promise.all(FRAMINGS.map((framing) => connectPeer(port, framing)));
      // Of the guests only the WebSocket and this one have shown how they speak.
      guests[0]!.send('PING');
      expect(await guests[0]!.next()).toBe('PONG');
      const silent = await connectPeer(port, 'lines');
      server.kill(signal);
      for (const peer of [...members, guests[0]!, guests[2]!, silent]) {
        expect((await peer.ended()).at(-1)).toBe('BYE');
      }
      expect(await server.exit).toBe(0);
      expect(server.stderr).toBe('');
      expect(server.stdout.split('\n')).toHaveLength(3);
      expect(server.stdout).toMatch(
        /\nin nc, type AUTH:ann and Enter within 10 s, then any text\n$/,
      );
      await expect(connectPeer(port, 'lines')).rejects.toThrow('ECONNREFUSED');
    },
  );

  it('does not wait for members that do not read when the signal comes twice', async () => {
    const server = start({ NETTY_TCP_MAXOUTBOUNDBYTES: '100000000', ...WAITS_FOR_EVER });
    const port = await server.port();
    const slow = await joinAs(port, 'frames', 'slow');
    const ann = await joinAs(port, 'frames', 'ann');
    slow.pause();
    for (let i = 0; i < 200; i++) ann.send('x'.repeat(65_000));
    for (let i = 0; i < 200; i++) await ann.next();
    server.kill('SIGTERM');
    expect((await ann.ended()).at(-1)).toBe('BYE');
    server.kill('SIGTERM');
    expect(await server.exit).toBe(0);
    slow.destroy();
  });
});

describe('the start', () => {
  it('says in one line that the port is in use, and exits with 1', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    const server = start({ NETTY_TCP_PORT: String(port) });
    expect(await server.exit).toBe(1);
    expect(server.stderr).toBe(
      `broadcast-chat: cannot listen on 127.0.0.1, port ${port}: this program or another one uses it already (EADDRINUSE); NETTY_TCP_PORT=0 picks a free one\n`,
    );
    expect(server.stdout).toBe('');
    other.close();
  });

  it('says in one line which setting is wrong, and exits with 1', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'chat-main-'));
    const file = join(folder, 'settings.json');
    writeFileSync(file, '{"netty.tcp.authSeconds": "soon"}');
    const server = start({}, [file]);
    expect(await server.exit).toBe(1);
    rmSync(folder, { recursive: true });
    expect(server.stderr).toMatch(/^broadcast-chat: netty\.tcp\.authSeconds is "soon": .*\n$/);
    expect(server.stdout).toBe('');
  });

  it('does not listen when it is not enabled', async () => {
    const server = start({ NETTY_TCP_ENABLE: 'false' });
    expect(await server.exit).toBe(0);
    expect(server.stdout).toBe('not listening: netty.tcp.enable is false\n');
  });
});
