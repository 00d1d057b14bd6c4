// expect: Type 'number' is not assignable to type 'string'
import { call, clientOf, defineService, type ServiceCaller } from '@headrace/rpc';
import * as z from 'zod';

declare const caller: ServiceCaller;
const prices = defineService('prices', {
  quote: call(z.object({ symbol: z.string() }), z.object({ price: z.number() })),
});
void clientOf(prices, caller).quote({ symbol: 42 }); // here
