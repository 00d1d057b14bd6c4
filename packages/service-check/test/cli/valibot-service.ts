import { call, defineService, stream } from '@headrace/rpc';
import * as v from 'valibot';

/** Of schemas that print nothing by themselves. */
export const prices = defineService(
  'prices',
  {
    quote: call(
      v.object({ symbol: v.pipe(v.string(), v.minLength(1)) }),
      v.object({ price: v.number() }),
    ),
    watch: stream(
      v.object({ since: v.pipe(v.string(), v.toDate()) }),
      v.tuple([v.string(), v.number()]),
    ),
  },
  { errors: { NO_SUCH_SYMBOL: 1 } },
);
