import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startLogServer } from '../src/log-server.ts';
import { shipLog } from '../src/log-shipper.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'headrace-shipper-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

it('stores each byte once, over a rotation and restarts of both ends', async () => {
  const path = join(folder, 'app.log');
  const placePath = join(folder, 'place.json');
  let stored = '';
  const store = (bytes: Buffer): void => {
    stored += String(bytes);
  };
  let server = await startLogServer({ port: 0, store });
  const shipped = async (text: string): Promise<void> => {
    const end = new AbortController();
    const address = { host: '127.0.0.1', port: server.port };
    const { signal } = end;
    const tail = { rotateWaitMs: 0 };
    const shipping = shipLog({ path, placePath, server: address, signal, tail });
    await expect.poll(() => stored, { interval: 1, timeout: 10_000 }).toBe(text);
    const position = () =>
      (JSON.parse(readFileSync(placePath, 'utf8')) as { position: number }).position;
    await expect.poll(position, { interval: 1 }).toBeGreaterThan(0);
    end.abort();
    await shipping;
  };
  try {
    appendFileSync(path, 'one\n');
    await shipped('one\n');
    appendFileSync(path, 'two\n');
    renameSync(path, `${path}.1`);
    appendFileSync(path, 'three\n');
    const { port } = server;
    await server.shutdown();
    server = await startLogServer({ port, store });
    await shipped('one\ntwo\nthree\n');
  } finally {
    await server.shutdown();
  }
});
