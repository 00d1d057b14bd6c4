// Messages of bytes from PHP, as an API receives them that takes bytes.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ConnectionMessage, ConnectionTarget } from '@headrace/gateway';
import { clusterApi } from '@headrace/gateway/http';
import { limitedHttpServer } from '@headrace/handlers/health';
import { expect, it } from 'vitest';
import { isThere } from './program.ts';

const FOLDER = fileURLToPath(new URL('../clients/', import.meta.url));
const BYTES = Buffer.from([0, 0xff, 0x0a]);
/** Each function with a message; the last call has bytes that nothing marks. */
const CODE = `require 'Gateway.php'; use GatewayClient\\Gateway; use GatewayClient\\Bytes;
  Gateway::$api = getenv('API'); Gateway::$apiKey = 'key';
  $bytes = new Bytes("\\x00\\xff\\n");
  Gateway::sendToAll($bytes, null, 'a');
  Gateway::sendToClient('a', $bytes);
  Gateway::sendToUid(['ann', 'bob'], $bytes);
  Gateway::sendToGroup('lobby', $bytes);
  Gateway::closeClient('a', $bytes);
  Gateway::closeClient('a', new Bytes(''));
  try { Gateway::sendToAll("\\xff"); } catch (Exception $e) { echo $e->getMessage(); }`;

it.skipIf(!isThere('php'))('sends bytes by each function that has a message', async () => {
  const reached: [ConnectionTarget, ConnectionMessage | undefined][] = [];
  const note = (to: ConnectionTarget, message: ConnectionMessage | undefined): void =>
    void reached.push([to, message]);
  const connections = {
    async publish(
      to: ConnectionTarget,
      message: ConnectionMessage,
      _except?: readonly ConnectionTarget[],
    ) {
      note(to, message);
      return { connections: 1, nodes: 1 };
    },
    async close(to: ConnectionTarget, message?: ConnectionMessage) {
      note(to, message);
      return 1;
    },
    count: async () => 0,
  };
  const server = await limitedHttpServer(clusterApi({ connections, keys: ['key'] }), {
    host: '127.0.0.1',
    port: 0,
    maxConnections: 10,
    requestTimeoutMs: 5000,
    keepAliveMs: 1000,
  });
  try {
    const env = { ...process.env, API: `http://127.0.0.1:${server.port}` };
    const php = promisify(execFile);
    const { stdout } = await php('php', ['-r', CODE], { cwd: FOLDER, env });
    expect(stdout).toMatch(/Malformed UTF-8.*; bytes are new GatewayClient\\Bytes\(\$message\)$/);
    const connection = 'a';
    expect(reached).toEqual([
      [{ all: true }, BYTES],
      [{ connection }, BYTES],
      [{ user: 'ann' }, BYTES],
      [{ user: 'bob' }, BYTES],
      [{ group: 'lobby' }, BYTES],
      [{ connection }, BYTES],
      [{ connection }, Buffer.alloc(0)],
    ]);
  } finally {
    await server.close();
  }
});
