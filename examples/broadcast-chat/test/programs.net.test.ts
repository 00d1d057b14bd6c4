// The server and the client as programs.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { bundledProgram } from '../../../packages/core/test/fixture/bundled-program.ts';

const main = await bundledProgram(new URL('../src/main.ts', import.meta.url));
const client = await bundledProgram(new URL('../src/client.ts', import.meta.url));
const started: ChildProcess[] = [];

class Program {
  readonly child: ChildProcess;
  readonly exit: Promise<unknown>;
  stdout = '';
  stderr = '';

  constructor(file: string, port: number, ...args: readonly string[]) {
    const env = { ...process.env, NETTY_TCP_PORT: String(port) };
    this.child = spawn(process.execPath, [file, ...args], { env });
    started.push(this.child);
    this.exit = once(this.child, 'close').then(([code]) => code as unknown);
    this.child.stdout!.on('data', (text) => {
      this.stdout += text;
    });
    this.child.stderr!.on('data', (text) => {
      this.stderr += text;
    });
  }

  /** Waits until standard output has the text. */
  async says(text: string): Promise<void> {
    const ended = this.exit.then(() => 'ended');
    while (!this.stdout.includes(text)) {
      const next = await Promise.race([once(this.child.stdout!, 'data'), ended]);
      if (next === 'ended')
        throw new Error(`it ended without ${text}: ${this.stdout}${this.stderr}`);
    }
  }

  type(line: string): void {
    this.child.stdin!.write(`${line}\n`);
  }
}

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

// Windows has no signal that a program could answer.
describe.runIf(process.platform !== 'win32')('the programs', () => {
  it('chat with each other, and end without an error when the server shuts down', async () => {
    const server = new Program(main, 0);
    await server.says('\n');
    const [, port] = /^listening tcp:\/\/127\.0\.0\.1:(\d+)\n$/.exec(server.stdout)!;
    const second = new Program(main, Number(port));
    expect(await second.exit).toBe(1);
    expect(second.stderr).toMatch(
      /^broadcast-chat: cannot listen on .*this program or another.*\n$/,
    );
    const ann = new Program(client, Number(port), 'ann');
    await ann.says('AUTH_OK\n');
    const bob = new Program(client, Number(port), 'bob');
    await ann.says('JOIN:bob\n');
    bob.type('hello');
    await bob.says('AUTH_OK\nECHO:hello\n');
    await ann.says('MSG:bob:hello\n');
    bob.child.stdin!.end();
    expect(await bob.exit).toBe(0);
    await ann.says('LEAVE:bob\n');
    const cy = new Program(client, Number(port), 'cy');
    await ann.says('JOIN:cy\n');
    server.child.kill('SIGTERM');
    expect(await Promise.all([server.exit, ann.exit, cy.exit])).toEqual([0, 0, 0]);
    expect(ann.stdout).toContain('BYE\n');
    expect(cy.stdout).toContain('BYE\n');
    expect([server.stderr, ann.stderr, cy.stderr]).toEqual(['', '', '']);
  });
});
