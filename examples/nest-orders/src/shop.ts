// A client of the order service: places an order, follows it, and says goodbye. Stop and start the service
// meanwhile: the client comes back.
import 'reflect-metadata';
import { HeadraceClient } from '@headrace/nestjs';
import { firstValueFrom, lastValueFrom, tap } from 'rxjs';

const client = new HeadraceClient({
  servers: [{ host: '127.0.0.1', port: Number(process.env['PORT'] ?? 18_890) }],
  credentials: 'an example, not a secret',
});
client.status.subscribe((status) => console.log(status));
try {
  const order = await firstValueFrom(client.send<{ id: number }>('order.place', 'a teapot'));
  console.log('placed', order);
  const states = client.send<string>('order.follow', order.id);
  await lastValueFrom(states.pipe(tap((state) => console.log(state))));
  await lastValueFrom(client.emit('order.cancelled', order.id), { defaultValue: undefined });
  await lastValueFrom(client.send('order.follow', order.id));
} catch (error) {
  console.log('failed:', error);
} finally {
  await client.close();
}
