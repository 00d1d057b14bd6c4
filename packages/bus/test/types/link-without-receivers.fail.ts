// expect: Property 'receivers' is missing
import type { BusLink } from '../../src/bus/bus-engine.ts';

export const link: BusLink = {
  publish() {},
  subscribe() {},
  unsubscribe() {},
  settled: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
