import { type Server, silentLogger } from '@headrace/core';
import { HeadraceClient, HeadraceServer } from '@headrace/nestjs';
import type { INestMicroservice } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientTCP, type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, type Observable, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../core/test/fixture/free-port.ts';
import { SumService } from './e2e/sum-service.ts';

@Module({ controllers: [SumService] })
class SumModule {}

const host = '127.0.0.1';
let app: INestMicroservice;

async function listen(options: MicroserviceOptions): Promise<void> {
  app = await NestFactory.createMicroservice<MicroserviceOptions>(SumModule, {
    ...options,
    logger: false,
  });
  await app.listen();
}

interface Sender {
  send(pattern: unknown, data: unknown): Observable<unknown>;
  emit(pattern: unknown, data: unknown): Observable<unknown>;
}

/** What a client of either kind gets from a server of the other kind. */
async function works(client: Sender): Promise<void> {
  expect(await firstValueFrom(client.send('sum', [1, 2]))).toBe(3);
  expect(await firstValueFrom(client.send({ cmd: 'async' }, [1, 2]))).toBe(3);
  const steps = client.send({ cmd: 'steps' }, [1, 2, 3]).pipe(toArray());
  expect(await lastValueFrom(steps)).toEqual([1, 3, 6]);
  const text = { 'ä€😀': ['😀', 'x'.repeat(50_000), '\u2028'] };
  expect(await firstValueFrom(client.send({ cmd: 'echo' }, text))).toEqual(text);
  const failures = [
    client.send('unknown', 0),
    client.send({ cmd: 'refuse' }, 'no'),
    client.send({ cmd: 'break' }, 0),
  ].map((answers) => lastValueFrom(answers).catch((error: unknown) => error));
  expect(await Promise.all(failures)).toEqual([
    'There is no matching message handler defined in the remote service.',
    { status: 'error', message: 'no' },
    { status: 'error', message: 'Internal server error' },
  ]);
  SumService.noted = [];
  client.emit('noted', 'ä');
  await expect.poll(() => SumService.noted).toEqual(['ä']);
}

beforeEach(() => {
  SumService.noted = [];
});
afterEach(() => app.close());

describe("framing 'nest-tcp'", () => {
  it('lets a client of ours talk to a TCP server of Nest', async () => {
    const port = await freePort();
    await listen({ transport: Transport.TCP, options: { host, port } });
    const client = new HeadraceClient({ servers: [{ host, port }], framing: 'nest-tcp' });
    await works(client);
    await client.close();
  });

  it('lets a TCP client of Nest talk to a server of ours', async () => {
    const strategy = new HeadraceServer({ bind: { host, port: 0 }, framing: 'nest-tcp' });
    await listen({ strategy });
    const { port } = strategy.unwrap<Server>();
    const client = new ClientTCP({ host, port });
    await works(client);
    client.close();
  });

  it('works between two of ours', async () => {
    const strategy = new HeadraceServer({ bind: { host, port: 0 }, framing: 'nest-tcp' });
    await listen({ strategy });
    const servers = [{ host, port: strategy.unwrap().port }];
    const client = new HeadraceClient({ servers, framing: 'nest-tcp', connections: 2 });
    await works(client);
    await client.close();
  });

  it.each([
    ['heartbeat', { heartbeat: { intervalMs: 1000 } }],
    ['authenticate', { authenticate: () => ({ principal: 1 }) }],
    ['codec', { codec: () => ({}) }],
  ])('refuses the option %s, which it cannot carry', async (option, options) => {
    await listen({ strategy: new HeadraceServer({ bind: { host, port: 0 } }) });
    const bind = { host, port: 0 };
    expect(() => new HeadraceServer({ bind, framing: 'nest-tcp', ...options })).toThrow(option);
  });

  it('ends the connection of a peer that speaks the other framing', async () => {
    const strategy = new HeadraceServer({ bind: { host, port: 0 }, logger: silentLogger });
    await listen({ strategy });
    const { port } = strategy.unwrap<Server>();
    const client = new ClientTCP({ host, port });
    await expect(firstValueFrom(client.send('sum', [1]))).rejects.toThrow('Connection closed');
    client.close();
  });
});
