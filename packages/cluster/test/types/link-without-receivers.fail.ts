// expect: Property 'receivers' is missing
import type { BusLink } from '@headrace/cluster';

export const link: BusLink = {
  publish() {},
  subscribe() {},
  unsubscribe() {},
  settled: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
