import type { Server } from '@headrace/core';
import { HeadraceClient } from '@headrace/nestjs';
import type { INestMicroservice } from '@nestjs/common';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startOrderService } from '../src/order-service.ts';

const host = '127.0.0.1';
const credentials = 'an example, not a secret';
let app: INestMicroservice;
let client: HeadraceClient;

const clientWith = (token: string): HeadraceClient => {
  const { port } = app.unwrap<Server>();
  return new HeadraceClient({ servers: [{ host, port }], credentials: token });
};

beforeEach(async () => {
  app = await startOrderService({ host, port: 0 });
  client = clientWith(credentials);
});
afterEach(async () => {
  await client.close();
  await app.close();
});

it('places an order for the signed-in user, and follows it', async () => {
  const order = await firstValueFrom(client.send<{ id: number }>('order.place', 'a teapot'));
  expect(order).toEqual({ id: 1, shop: 'the shop' });
  const states = client.send('order.follow', order.id).pipe(toArray());
  expect(await lastValueFrom(states)).toEqual(['packed', 'on its way', 'delivered']);
});

it('forgets an order that an event cancels', async () => {
  const { id } = await firstValueFrom(client.send<{ id: number }>('order.place', 'a teapot'));
  client.emit('order.cancelled', id);
  const following = lastValueFrom(client.send('order.follow', id));
  await expect(following).rejects.toEqual({ status: 'error', message: `there is no order ${id}` });
});

it('refuses a client with a wrong token', async () => {
  const stranger = clientWith('a guess');
  await expect(lastValueFrom(stranger.send('order.place', 'a teapot'))).rejects.toThrow(
    /no connection/,
  );
  await stranger.close();
});
