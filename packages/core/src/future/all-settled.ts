import type { WriteFuture } from '../contract.ts';
import { SettableFuture } from './settable-future.ts';

/**
 * One future for many: settles when all have, with the first error in their order.
 *
 * @param isLook - false if a look at this future is not a look at each of these: their failures are still reported
 */
export function allSettled(futures: readonly WriteFuture[], isLook: boolean = true): WriteFuture {
  const combined = new SettableFuture();
  const errors = new Array<Error | undefined>(futures.length);
  let waiting = futures.length;
  if (waiting === 0) combined.succeed();
  for (const [index, future] of futures.entries()) {
    const settled = (error: Error | undefined): void => {
      errors[index] = error;
      waiting -= 1;
      if (waiting > 0) return;
      const first = errors.find((one) => one !== undefined);
      if (first === undefined) combined.succeed();
      else {
        if (futures.some((one) => one.mayHaveLeft)) combined.handOver();
        combined.fail(first);
      }
    };
    if (isLook) future.onSettled(settled);
    else future.peekSettled(settled);
  }
  return combined;
}
