import { PEER_CERTIFICATE, silentLogger } from '@headrace/core';
import { HeadraceClient, type HeadraceContext, HeadraceServer } from '@headrace/nestjs';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, MessagePattern } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { expect, it } from 'vitest';
import { selfSigned } from '../../core/test/fixture/certificates.ts';

@Controller()
class WhoService {
  @MessagePattern('who')
  who(_data: unknown, @Ctx() context: HeadraceContext): string {
    return String(context.getChannel().attributes.get(PEER_CERTIFICATE)?.subject);
  }
}

@Module({ controllers: [WhoService] })
class WhoModule {}

it('TLS, with certificates on both sides, is an option of the place', async () => {
  const [ofServer, ofClient] = await Promise.all([selfSigned('server'), selfSigned('client')]);
  const host = '127.0.0.1';
  const strategy = new HeadraceServer({
    bind: { host, port: 0, tls: { ...ofServer, ca: ofClient.cert, clientCertificate: 'require' } },
  });
  const app = await NestFactory.createMicroservice(WhoModule, { strategy, logger: false });
  await app.listen();
  const { port } = strategy.unwrap();
  const proxy = new HeadraceClient({
    servers: [{ host, port, tls: { ...ofClient, ca: ofServer.cert } }],
  });
  expect(await firstValueFrom(proxy.send('who', 0))).toBe('CN=client');
  await proxy.close();
  await app.close();
});

it('a client with credentials is not online, and sends nothing, before the server accepts its certificate', async () => {
  const [ofServer, ofClient] = await Promise.all([selfSigned('server'), selfSigned('client')]);
  const host = '127.0.0.1';
  const tls = { ...ofServer, ca: ofServer.cert, clientCertificate: 'require' } as const;
  const strategy = new HeadraceServer({ bind: { host, port: 0, tls }, logger: silentLogger });
  const app = await NestFactory.createMicroservice(WhoModule, { strategy, logger: false });
  await app.listen();
  const { port } = strategy.unwrap();
  const ask = async (credentials: unknown) => {
    const proxy = new HeadraceClient({
      servers: [{ host, port, tls: { ...ofClient, ca: ofServer.cert } }],
      shouldRetry: () => false,
      logger: silentLogger,
      ...(credentials !== undefined && { credentials }),
    });
    const states: string[] = [];
    proxy.on('state', ({ name }) => void states.push(name));
    const error: unknown = await firstValueFrom(proxy.send('who', 0)).catch((thrown) => thrown);
    await proxy.close();
    return { states, error };
  };
  const without = await ask(undefined);
  expect(without.states).toContain('online');
  expect(without.error).toMatchObject({ code: 'HR_ERR_REQUEST_LOST', details: { sent: true } });
  const withThem = await ask(true);
  expect(withThem.states).toEqual(['connecting', 'readying', 'closed']);
  expect(withThem.error).toMatchObject({ code: 'HR_ERR_REQUEST_LOST', details: { sent: false } });
  await app.close();
});
