// expect: Type 'string' is not assignable to type 'number'
import { call, defineService, serve } from '@headrace/rpc';
import * as z from 'zod';

const prices = defineService('prices', {
  quote: call(z.object({ symbol: z.string() }), z.object({ price: z.number() })),
});
serve(prices, {
  quote: () => ({ price: 'much' }), // here
});
