import { call, defineService, stream } from '@headrace/rpc';
import * as z from 'zod';

/** What the program prints and compares. */
export const prices = defineService(
  'prices',
  {
    quote: call(z.object({ symbol: z.string().min(1) }), z.object({ price: z.number() })),
    watch: stream(z.object({ symbol: z.string() }), z.object({ price: z.number() })),
  },
  { errors: { NO_SUCH_SYMBOL: 1 } },
);
