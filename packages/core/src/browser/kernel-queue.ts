import type { Address } from '../contract/connection.ts';

/** Always answers that the number is unknown, because a page cannot find out which bytes the peer has acknowledged. */
export function unacknowledgedBytes(
  _local: Address | undefined,
  _remote: Address | undefined,
  answer: (bytes: number | undefined) => void,
): void {
  queueMicrotask(() => answer(undefined));
}
