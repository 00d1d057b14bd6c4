// Three strangers send what takes the most memory for the least bytes. The server runs in a process of its
// own, with a small heap, for a heap that is full ends the process.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const HEAP_MIB = 512;
const CONNECTIONS = 3;
/** For each connection: more than the limit of a command, 64 MiB. */
const ATTACK_BYTES = 80 * 1024 * 1024;
const workspace = fileURLToPath(new URL('../../../', import.meta.url));

let server: ChildProcess | undefined;

afterEach(() => {
  server?.kill('SIGKILL');
  server = undefined;
});

async function startServer(): Promise<number> {
  const options = [
    `--max-old-space-size=${HEAP_MIB}`,
    '--conditions=@headrace/source',
    '--import',
    './scripts/register.mjs',
  ];
  server = spawn(process.execPath, [...options, 'examples/mini-redis/src/main.ts', '0'], {
    cwd: workspace,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [line] = await once(server.stdout!, 'data');
  return Number(/listens on (\d+)/.exec(String(line))![1]);
}

/** Sends the head, then the part until all is sent or the server hangs up. */
async function attack(port: number, head: string, part: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let isOver = false;
  let resume = (): void => {};
  const hungUp = (): void => {
    isOver = true;
    resume();
  };
  socket
    .on('error', hungUp)
    .on('end', hungUp)
    .on('close', hungUp)
    .on('drain', () => resume());
  socket.resume();
  await once(socket, 'connect');
  const burst = part.repeat(Math.ceil((256 * 1024) / part.length));
  socket.write(head);
  for (let sent = 0; sent < ATTACK_BYTES && !isOver; sent += burst.length) {
    const hasRoom = socket.write(burst);
    if (hasRoom || isOver) continue;
    await new Promise<void>((resolve) => {
      resume = resolve;
    });
  }
  return socket;
}

async function ask(port: number, command: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write(command);
  const [answer] = await once(socket, 'data');
  socket.destroy();
  return String(answer);
}

describe('mini-redis under attack', () => {
  it.each([
    ['empty strings in long arrays', '$0\r\n\r\n'],
    ['strings of a byte', '$1\r\na\r\n'],
    ['arrays of arrays', '*1\r\n*1\r\n*0\r\n'],
  ])(
    `outlives three connections that send %s, on a heap of ${HEAP_MIB} MiB`,
    async (_name, part) => {
      const port = await startServer();
      const head = '*1048576\r\n';
      // As many arrays as fit, one after another in each other.
      const body = part.repeat(1000);
      const sockets = await Promise.all(
        Array.from({ length: CONNECTIONS }, () => attack(port, head.repeat(29), body)),
      );
      expect(await ask(port, 'PING\r\n')).toBe('+PONG\r\n');
      expect(server!.exitCode).toBeNull();
      for (const socket of sockets) socket.destroy();
    },
  );
});
