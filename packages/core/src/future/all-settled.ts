import type { WriteFuture } from '../contract.ts';
import { SettableFuture } from './settable-future.ts';

/**
 * Combines futures into one, which settles when all have settled, with the first error in the order of the list.
 *
 * @param isLook - whether observing the combined future counts as observing each future, so that failures are not reported
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
