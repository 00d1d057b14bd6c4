// python3-socketio of Debian, unchanged: a client of another language, which was not made with ours in mind.
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Server, ServerBootstrap } from '@headrace/core';
import { HttpEndpoint } from '@headrace/websocket';
import { afterEach, describe, expect, it } from 'vitest';
import { SocketIo, SocketIoNamespace } from '../src/index.ts';

/** Debian's packages for Python belong to its own Python, which another one can hide. */
const python = ['python3', '/usr/bin/python3'].find(
  (program) => spawnSync(program, ['-c', 'import socketio, requests, websocket']).status === 0,
);
const absent =
  python === undefined
    ? ' (needs python-socketio; Debian: python3-socketio, python3-websocket)'
    : '';
const program = fileURLToPath(new URL('./fixture/client.py', import.meta.url));

let server: Server | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** Starts a server, and resolves with its address and the reasons for which clients left. */
async function start() {
  const reasons: string[] = [];
  const namespace = new SocketIoNamespace('/', {
    authorize: ({ auth }) => auth['token'] === 'good' || { message: 'no entry' },
    disconnected: (_socket, reason) => void reasons.push(reason),
    events: {
      echo: (_socket, value, answer) => answer(value),
      join: (socket, room, answer) => {
        socket.join(room);
        answer();
      },
      shout: (_socket, text) => void namespace.to('room').emit('shouted', text),
      ask: async (socket, times, answer) => {
        let sum = 0;
        for (let i = 1; i <= times; i++) sum += (await socket.emitWithAck('double', i)) as number;
        answer(sum);
      },
    },
  });
  const sessions = new SocketIo({ namespaces: [namespace] });
  const endpoint = new HttpEndpoint({ sessions });
  server = await new ServerBootstrap()
    .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
    .bind({ port: 0, host: '127.0.0.1' });
  return { url: `http://127.0.0.1:${server.port}`, reasons };
}

describe.runIf(python !== undefined)(`python-socketio${absent}`, () => {
  it.each([
    ['polling', 'polling'],
    ['websocket', 'websocket'],
    ['polling,websocket', 'websocket'],
  ])('connects over %s, and does all that an app does', async (transports, used) => {
    const { url, reasons } = await start();
    const { stdout } = await promisify(execFile)(python!, [program, url, transports]);
    expect(stdout.trim().split('\n')).toEqual([
      'refused',
      `transport ${used}`,
      'echo True',
      "shouted True ['hello']",
      'sum 12',
      'connected True',
    ]);
    // The client may end its connection before its disconnect has left.
    await expect.poll(() => reasons, { timeout: 10_000 }).toHaveLength(1);
  });
});
