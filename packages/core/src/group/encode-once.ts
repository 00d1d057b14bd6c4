import { unpinned } from '../bytes/pinned-memory.ts';

/** The result of one encoder for one message of a broadcast. */
interface Encoded {
  readonly message: unknown;
  readonly encoded: unknown;
}

/** The results of the encoders for one broadcast so far, by the encoder's key. */
export type EncodedForms = Map<string, Encoded>;

let current: EncodedForms | undefined;

/** Runs a part of a broadcast: encoders that use {@link encodeOnce} encode each message once for all its receivers. */
export function broadcasting<T>(forms: EncodedForms, run: () => T): T {
  const outer = current;
  current = forms;
  try {
    return run();
  } finally {
    current = outer;
  }
}

/**
 * Writes one message to each receiver, where no group has them: encoders that use {@link encodeOnce} encode it once for all.
 *
 * @param write - writes the message at once
 * @returns what it has returned, in the order of the receivers
 */
export function writeToEach<R, T>(receivers: readonly R[], write: (receiver: R) => T): T[] {
  const run = (): T[] => receivers.map((receiver) => write(receiver));
  // What is made for many costs more, for one alone.
  return receivers.length > 1 ? broadcasting(new Map(), run) : run();
}

/**
 * The result of `encode(message)`, for encoders without state. It is made once while a group, or
 * {@link writeToEach}, writes the same message to many. Outside a broadcast each call runs `encode`.
 *
 * @param key - names the encoder and everything about its configuration that the result depends on
 * @param encodeForMany - used instead of `encode` in a broadcast: a result that is cheap to make once need not be
 *   cheap to write ten thousand times
 */
export function encodeOnce<M, E>(
  key: string,
  message: M,
  encode: (message: M) => E,
  encodeForMany: (message: M) => E = encode,
): E {
  if (current === undefined) return encode(message);
  const known = current.get(key);
  if (known !== undefined && known.message === message) return known.encoded as E;
  // Members that are behind share it.
  const encoded = unpinned(encodeForMany(message));
  current.set(key, { message, encoded });
  return encoded;
}
