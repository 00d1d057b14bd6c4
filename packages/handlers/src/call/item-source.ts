import type { Readable } from 'node:stream';

/** Many values, as a function returns or a caller gives them: a generator, a stream, or another iterable. */
export type ItemSource = AsyncIterable<unknown> | Iterable<unknown>;

/** A generator, or another iterator or async iterable: not one value, but many that are still to come. */
export function isItemSource(value: unknown): value is ItemSource {
  if (typeof value !== 'object' || value === null) return false;
  if (Symbol.asyncIterator in value) return true;
  return Symbol.iterator in value && typeof (value as { next?: unknown }).next === 'function';
}

/** An iterator of either kind: `next` of a synchronous one has no promise, which `await` does not mind. */
export type ItemIterator = AsyncIterator<unknown> | Iterator<unknown>;

/** @throws if the source is none, or its function throws */
export function iteratorOf(source: ItemSource): ItemIterator {
  return Symbol.asyncIterator in source
    ? source[Symbol.asyncIterator]()
    : source[Symbol.iterator]();
}

/**
 * Lets go of files and sockets of a source, even while a value is awaited. Never throws or rejects; resolves when the
 * source has settled.
 */
export async function giveUp(
  source: ItemSource,
  iterator: ItemIterator | undefined,
): Promise<void> {
  try {
    if (isStream(source)) {
      // A late error of a stream that is not iterated any more would be uncaught.
      source.on('error', () => {});
      source.destroy();
    } else await iterator?.return?.();
  } catch {}
}

/** As {@link giveUp}, for a source that was not begun. */
export async function giveUpUnread(source: ItemSource): Promise<void> {
  try {
    await giveUp(source, isStream(source) ? undefined : iteratorOf(source));
  } catch {}
}

function isStream(source: ItemSource): source is Readable {
  const { destroy, on } = source as Partial<Readable>;
  return typeof destroy === 'function' && typeof on === 'function';
}
