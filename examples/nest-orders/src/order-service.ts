import 'reflect-metadata';
import type { BindTarget } from '@headrace/core';
import { secretsEqual } from '@headrace/handlers';
import { HeadraceServer } from '@headrace/nestjs';
import { type INestMicroservice, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Orders } from './orders.ts';
import { OrdersController } from './orders-controller.ts';

/** Where a real service asks its secret store. */
const TOKEN_OF_THE_SHOP = 'an example, not a secret';

@Module({ controllers: [OrdersController], providers: [Orders] })
class OrdersModule {}

/** The service, listening; `close()` lets what is under way end. */
export async function startOrderService(bind: BindTarget): Promise<INestMicroservice> {
  const strategy = new HeadraceServer({
    bind,
    authenticate: (token) =>
      typeof token === 'string' && secretsEqual(token, TOKEN_OF_THE_SHOP)
        ? { principal: 'the shop' }
        : { refused: 'a wrong token' },
    connections: { perAddress: 10 },
    maxFrameLength: 65_536,
    drainTimeoutMs: 5000,
  });
  const app = await NestFactory.createMicroservice(OrdersModule, {
    strategy,
    logger: ['error', 'warn'],
  });
  app.enableShutdownHooks();
  await app.listen();
  return app;
}
