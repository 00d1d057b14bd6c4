import { call, defineService, stream } from '@headrace/rpc';
import { type } from 'arktype';

/** Of schemas that print themselves. */
export const prices = defineService(
  'prices',
  {
    quote: call(type({ symbol: 'string >= 1' }), type({ price: 'number' })),
    watch: stream(type({ since: 'string.date.parse' }), type(['string', 'number'])),
  },
  { errors: { NO_SUCH_SYMBOL: 1 } },
);
