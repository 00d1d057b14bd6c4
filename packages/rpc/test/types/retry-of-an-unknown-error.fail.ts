// expect: Type '"BUSTY"' is not assignable to type '"BUSY"'
import { call, clientOf, defineService, type ServiceCaller } from '@headrace/rpc';
import * as z from 'zod';

declare const caller: ServiceCaller;
const prices = defineService(
  'prices',
  { quote: call(z.object({ symbol: z.string() }), z.number(), { idempotent: true }) },
  { errors: { BUSY: 1 } },
);
clientOf(prices, caller, { retry: { errors: ['BUSTY'] } }); // here
