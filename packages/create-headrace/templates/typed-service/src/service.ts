// The service: its methods, what goes in and out of them, its errors. Begin here. The server and its clients import this file, and
// `npm run check:service` loads it: it starts nothing.
import { call, defineService, stream } from '@headrace/rpc';
import { z } from 'zod';

const Ticker = z.string().regex(/^[A-Z]{1,8}$/);
const Price = z.object({ symbol: Ticker, price: z.number().positive() });

export const prices = defineService(
  'prices',
  {
    /** The price now. A client may ask twice. */
    quote: call(z.object({ symbol: Ticker }), Price, { idempotent: true }),
    /** The price now, and each one that follows. */
    watch: stream(z.object({ symbol: Ticker }), Price),
    /** Sets a price. */
    change: call(Price, z.object({ before: z.number().optional() })),
  },
  { errors: { NO_SUCH_SYMBOL: 1 } },
);

export type Price = z.infer<typeof Price>;
