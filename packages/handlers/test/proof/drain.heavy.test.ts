import net from 'node:net';
import { expect, it } from 'vitest';
import { ServerProcess } from '../../../core/test/fixture/server-process.ts';

const SERVER = new URL('drain-server.ts', import.meta.url);
const CONNECTIONS = 10_000;
const ANSWER_BYTES = 4000;
const AT_A_TIME = 500;
/** Longer than any test may take: it ends because everything is answered, not because its time is over. */
const DEADLINE_MS = 3_600_000;

/** A client with one request under way. */
class Client {
  readonly socket: net.Socket;
  readonly closed: Promise<void>;
  received = '';
  failed: Error | undefined;

  constructor(port: number) {
    this.socket = net.connect({ host: '127.0.0.1', port });
    this.socket.setEncoding('latin1').on('data', (text: string) => {
      this.received += text;
    });
    this.socket.on('error', (error) => {
      this.failed = error;
    });
    this.closed = new Promise((resolve) => this.socket.on('close', () => resolve()));
  }

  get connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.once('connect', resolve);
      this.socket.once('error', reject);
    });
  }
}

async function connectAll(port: number, count: number): Promise<Client[]> {
  const clients: Client[] = [];
  while (clients.length < count) {
    const some = Array.from(
      { length: Math.min(AT_A_TIME, count - clients.length) },
      () => new Client(port),
    );
    await Promise.all(some.map((client) => client.connected));
    clients.push(...some);
  }
  return clients;
}

it('drains 10,000 connections in batches: nothing in flight is lost, and it exits with 0', async () => {
  using server = new ServerProcess(SERVER, CONNECTIONS, 3000, DEADLINE_MS);
  const clients = await connectAll(Number(await server.line('listening')), CONNECTIONS);
  for (const [index, { socket }] of clients.entries()) socket.write(`${index}\n`);
  await server.line('all requests are here');

  server.process.kill('SIGTERM');
  expect(await server.exited).toBe(0);
  await Promise.all(clients.map((client) => client.closed));

  const lost = clients.filter(
    ({ received }, index) => received !== `${index}:${'x'.repeat(ANSWER_BYTES)}\n`,
  );
  expect(lost.length).toBe(0);
  expect(clients.filter(({ failed }) => failed !== undefined).length).toBe(0);
});

it('is forced by a second signal', async () => {
  using server = new ServerProcess(SERVER, 1000, 3_600_000, DEADLINE_MS);
  const clients = await connectAll(Number(await server.line('listening')), 1000);
  for (const { socket } of clients) socket.write('never\n');
  await server.line('all requests are here');
  server.process.kill('SIGTERM');
  await server.line('draining');
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(server.process.exitCode).toBeNull();

  server.process.kill('SIGTERM');
  expect(await server.exited).toBe(1);
  await Promise.all(clients.map((client) => client.closed));
});

it('refuses connections that come during the drain', async () => {
  using server = new ServerProcess(SERVER, 1, 1000, DEADLINE_MS);
  const port = Number(await server.line('listening'));
  const [client] = await connectAll(port, 1);
  client!.socket.write('1\n');
  await server.line('all requests are here');
  server.process.kill('SIGTERM');
  await server.line('draining');
  await expect(new Client(port).connected).rejects.toThrow(/ECONNREFUSED/);
  expect(await server.exited).toBe(0);
  // The exit may be known before the last bytes have been read.
  await client!.closed;
  expect(client!.received).toMatch(/^1:x+\n$/);
});
