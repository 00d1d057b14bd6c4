import { PEER_CERTIFICATE } from '@headrace/core';
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
