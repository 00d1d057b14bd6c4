// expect: Misfit<StringEncoder, "writes", OutboundBytes, "but", JsonEncoder<{ found: boolean; }>, "accepts", { found: boolean; }>
import { JsonEncoder, StringEncoder } from '@headrace/codec';
import { pipeline } from '@headrace/core';

pipeline().add(
  new JsonEncoder<{ found: boolean }>(),
  new StringEncoder(), // here
);
