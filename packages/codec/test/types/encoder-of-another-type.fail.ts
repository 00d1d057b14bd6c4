// expect: Misfit<"writes what its neighbor does not accept", JsonEncoder<{ found: boolean; }>, { found: boolean; }, OutboundBytes>
import { JsonEncoder, StringEncoder } from '@headrace/codec';
import { pipeline } from '@headrace/core';

pipeline().add(
  new JsonEncoder<{ found: boolean }>(),
  new StringEncoder(), // here
);
