import { isByteSource, toBuffer } from '../bytes/byte-source.ts';
import { unpinned } from '../bytes/pinned-memory.ts';

/** The result of one encoder for one message of a broadcast. */
interface Encoded {
  readonly message: unknown;
  readonly encoded: unknown;
}

/** The results of the encoders for one broadcast so far, by the key of the encoder. */
export type EncodedForms = Map<string, unknown>;

let current: EncodedForms | undefined;

/** Runs a part of a broadcast. Encoders that use {@link encodeOnce} encode each message once for all receivers. */
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
 * Writes one message to each receiver outside a group. Encoders that use {@link encodeOnce} encode it once for all receivers.
 *
 * @param write - function that writes the message to a receiver at once
 * @returns results of `write`, in the order of the receivers
 */
export function writeToEach<R, T>(receivers: readonly R[], write: (receiver: R) => T): T[] {
  const run = (): T[] => receivers.map((receiver) => write(receiver));
  // A form for many receivers would cost more for a single receiver.
  return receivers.length > 1 ? broadcasting(new Map(), run) : run();
}

/**
 * Returns the result of `encode(message)`, for encoders without state. While a group or {@link writeToEach} writes the same
 * message to many receivers, the message is encoded once, and a `ByteSource` is written into one Buffer for all of them. Outside a
 * broadcast, each call runs `encode`.
 *
 * @param key - name of the encoder with all parts of its configuration that change the result
 * @param encodeForMany - used instead of `encode` in a broadcast, because a result that is cheap to create once can be expensive
 *   to write ten thousand times
 */
export function encodeOnce<M, E>(
  key: string,
  message: M,
  encode: (message: M) => E,
  encodeForMany: (message: M) => E = encode,
): E {
  if (current === undefined) return encode(message);
  const known = current.get(key) as Encoded | undefined;
  if (known !== undefined && known.message === message) return known.encoded as E;
  // Members that lag behind share the copy.
  const encoded = unpinned(asBytes(encodeForMany(message)));
  current.set(key, { message, encoded });
  return encoded;
}

/** Output that can write itself is written once, because each receiver would write it again. */
function asBytes<E>(encoded: E): E {
  return isByteSource(encoded) ? (toBuffer(encoded) as E) : encoded;
}
