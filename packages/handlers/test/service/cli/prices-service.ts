import * as z from 'zod';
import { call, stream } from '../../../src/service/method.ts';
import { defineService } from '../../../src/service/service.ts';

/** What the program prints and compares. */
export const prices = defineService(
  'prices',
  {
    quote: call(z.object({ symbol: z.string().min(1) }), z.object({ price: z.number() })),
    watch: stream(z.object({ symbol: z.string() }), z.object({ price: z.number() })),
  },
  { errors: { NO_SUCH_SYMBOL: 1 } },
);
