import type { WriteFuture } from '../contract.ts';
import { SettableFuture } from './settable-future.ts';

/** One future for many: settles when all have, with the first error in their order. */
export function allSettled(futures: readonly WriteFuture[]): WriteFuture {
  const combined = new SettableFuture();
  let waiting = futures.length;
  if (waiting === 0) combined.succeed();
  for (const future of futures) {
    future.onSettled(() => {
      waiting -= 1;
      if (waiting > 0) return;
      const failed = futures.find((one) => !one.isSuccess);
      if (failed === undefined) combined.succeed();
      else {
        if (futures.some((one) => one.mayHaveLeft)) combined.handOver();
        combined.fail(failed.error!);
      }
    });
  }
  return combined;
}
