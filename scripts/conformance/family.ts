/** What one case of a vector file came to. */
export type CaseResult =
  | { readonly outcome: 'passed' }
  | { readonly outcome: 'failed'; readonly detail: string }
  | { readonly outcome: 'skipped'; readonly reason: string };

/**
 * Runs one case of a family of vector files through our classes. Cases marked `unportable` do not come here. A throw
 * counts as a failure.
 */
// biome-ignore lint/suspicious/noExplicitAny: each family knows its own cases
export type Family = (testCase: any) => CaseResult;

export const PASSED: CaseResult = { outcome: 'passed' };

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

/** A case about messages: the bytes that Netty made of them, and what Netty's decoder made of those. */
export interface MessageCase<Entry> {
  readonly messages: readonly Entry[];
  readonly hex: string;
  /** Where that is not what was written. */
  readonly decoded?: readonly Entry[];
}

/**
 * Ours must write the same bytes, and read of them what Netty reads; or exactly what was written.
 *
 * @param encode - the bytes of messages in hexadecimal
 * @param decode - the messages of bytes, in the words of the file
 */
export function messageFamily<Entry>(
  encode: (messages: readonly Entry[]) => string,
  decode: (bytes: Buffer, written: readonly Entry[]) => readonly Entry[],
): Family {
  return ({ messages, hex, decoded }: MessageCase<Entry>) => {
    const encoded = sameAsExpected(encode(messages), hex);
    if (encoded !== PASSED) return encoded;
    const read = decode(Buffer.from(hex, 'hex'), messages);
    const result = sameAsExpected(read, decoded ?? messages);
    if (result === PASSED || sameAsExpected(read, messages) !== PASSED) return result;
    const reason = "Netty's decoder reads something else than what Netty's encoder wrote";
    return { outcome: 'skipped', reason };
  };
}
