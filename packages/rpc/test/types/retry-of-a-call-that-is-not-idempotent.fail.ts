// expect: 'retry' does not exist in type 'ServiceCallOptions'
import { call, clientOf, defineService, type ServiceCaller } from '@headrace/rpc';
import * as z from 'zod';

declare const caller: ServiceCaller;
const prices = defineService('prices', {
  buy: call(z.object({ symbol: z.string() }), z.object({ price: z.number() })),
});
void clientOf(prices, caller).buy({ symbol: 'ACME' }, { retry: { attempts: 2 } }); // here
