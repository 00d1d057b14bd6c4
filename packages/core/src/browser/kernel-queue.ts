import type { Address } from '../contract.ts';

/** A page does not learn what its peer has acknowledged: the answer is always unknown. */
export function unacknowledgedBytes(
  _local: Address | undefined,
  _remote: Address | undefined,
  answer: (bytes: number | undefined) => void,
): void {
  queueMicrotask(() => answer(undefined));
}
