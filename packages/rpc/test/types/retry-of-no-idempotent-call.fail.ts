// expect: is not assignable to type 'undefined'
import { call, clientOf, defineService, type ServiceCaller } from '@headrace/rpc';
import * as z from 'zod';

declare const caller: ServiceCaller;
const prices = defineService('prices', {
  buy: call(z.object({ symbol: z.string() }), z.object({ price: z.number() })),
});
clientOf(prices, caller, { retry: { attempts: 2 } }); // here
