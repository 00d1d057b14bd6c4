import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

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
      const outcomes = await Promise.all(
        Array.from({ length: 100 }, () =>
          Promise.race([
            greeted(port, sockets),
            new Promise<boolean>((resolve) => setTimeout(resolve, 1500, false)),
          ]),
        ),
      );
      const served = outcomes.filter(Boolean).length;
      expect(served).toBeGreaterThan(5);
      expect(served).toBeLessThan(100);
      // It says so, once for each pause of a second, and how many it could not serve.
      const lines = () => errors.split('\n').filter((line) => line.includes('accept EMFILE: '));
      // The closes of the connections may arrive before the line.
      await expect.poll(() => lines().length, { timeout: 5000 }).toBeGreaterThan(0);
      expect(lines().length).toBeLessThan(10);
      expect(errors).not.toContain('EMFILE, open');
      for (const socket of sockets.splice(0)) socket.destroy();
      let isServing = false;
      for (let attempt = 0; attempt < 50 && !isServing; attempt++) {
        isServing = await greeted(port, sockets);
        if (!isServing) await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(isServing, errors).toBe(true);
      expect(child.exitCode).toBeNull();
    } finally {
      for (const socket of sockets) socket.destroy();
      child.kill();
      if (child.exitCode === null) await once(child, 'exit');
    }
  },
  30_000,
);
