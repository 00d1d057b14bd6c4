/** What one case of a vector file came to. */
export type CaseResult =
  | { readonly outcome: 'passed' }
  | { readonly outcome: 'failed'; readonly detail: string }
  | { readonly outcome: 'skipped'; readonly reason: string };

/**
 * Runs the cases of one family of vector files through our classes. A module in `families/`, named
 * `<family>.ts`, exports one as `family`.
 */
export interface ConformanceFamily {
  readonly name: string;
  /**
   * Cases marked `unportable` do not come here. A throw counts as a failure.
   *
   * @param testCase - one element of the file's `cases`
   * @param file - the whole file, for what its cases share
   */
  // biome-ignore lint/suspicious/noExplicitAny: each family knows its own cases
  run(testCase: any, file: any): CaseResult;
}

export const PASSED: CaseResult = { outcome: 'passed' };

/**
 * For what Netty's encoder wrote: `decoded` is what Netty's own decoder reads of it, where that is not what was
 * written. Ours may read what was written, then, exactly.
 */
export function sameAsRead(
  actual: unknown,
  written: unknown,
  decoded: unknown = written,
): CaseResult {
  const result = sameAsExpected(actual, decoded);
  if (result.outcome === 'passed' || decoded === written) return result;
  if (sameAsExpected(actual, written).outcome === 'failed') return result;
  const reason = "Netty's decoder reads something else than what Netty's encoder wrote";
  return { outcome: 'skipped', reason };
}

/** Passed if both are the same when written as JSON; else failed, with both from the first difference on. */
export function sameAsExpected(actual: unknown, expected: unknown): CaseResult {
  const got = String(JSON.stringify(actual));
  const wanted = String(JSON.stringify(expected));
  if (got === wanted) return PASSED;
  let at = 0;
  while (got[at] === wanted[at]) at += 1;
  const from = Math.max(0, at - 40);
  const detail = `expected …${wanted.slice(from, at + 120)}\n     but got …${got.slice(from, at + 120)}`;
  return { outcome: 'failed', detail };
}
