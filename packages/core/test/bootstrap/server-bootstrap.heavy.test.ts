import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** For what hangs only. */
const LIMIT = { timeout: 60_000 };

/** Connects, and says whether the server greeted. */
function greeted(port: number, sockets: net.Socket[]): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  sockets.push(socket);
  return new Promise((resolve) => {
    socket.once('data', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

it.skipIf(process.platform === 'win32')(
  'a server that runs out of descriptors stays up, and serves again when there are some',
  async () => {
    const node = `${process.execPath} --conditions=@headrace/source --import ${path('../../../../scripts/register.mjs')} ${path('../fixture/few-descriptors.ts')}`;
    const child = spawn('/bin/sh', ['-c', `ulimit -n 64; exec ${node}`]);
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    const sockets: net.Socket[] = [];
    try {
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      const port = Number(line);
      const began = performance.now();
      let served = 0;
      for (let i = 0; i < 100; i++) {
        void greeted(port, sockets).then((isServed) => {
          if (isServed) served += 1;
        });
      }
      await expect.poll(() => served, LIMIT).toBeGreaterThan(5);
      // It says so, once for each pause of a second, and how many it could not serve.
      const lines = () => errors.split('\n').filter((line) => line.includes('accept EMFILE: '));
      await expect.poll(() => lines().length, LIMIT).toBeGreaterThan(0);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      expect(lines().length).toBeLessThan(2 + (performance.now() - began) / 1000);
      expect(served).toBeLessThan(100);
      expect(errors).not.toContain('EMFILE, open');
      for (const socket of sockets.splice(0)) socket.destroy();
      await expect.poll(() => greeted(port, sockets), LIMIT).toBe(true);
      expect(child.exitCode).toBeNull();
    } finally {
      for (const socket of sockets) socket.destroy();
      child.kill();
      if (child.exitCode === null) await once(child, 'exit');
    }
  },
);
