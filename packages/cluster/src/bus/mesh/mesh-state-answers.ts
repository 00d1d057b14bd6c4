import { Buffer } from 'node:buffer';
import type { MemoryState } from '../../log/memory-state.ts';
import type { StateEntry } from '../../log/state-log.ts';
import { type Written, writtenPage } from './mesh-state-frame.ts';

/** Bytes of a frame besides the page. */
const OVERHEAD_BYTES = 64;

/** Writes a page of a state that fits into a frame. */
export function readPage(
  state: MemoryState,
  after: number,
  limit: number,
  now: number,
  maxBytes: number,
): Written {
  for (let most = limit; ; ) {
    const page = state.read(after, most, now);
    const written = writtenPage(page);
    const { length } = page.entries;
    if (length <= 1 || sizeOf(written) + OVERHEAD_BYTES <= maxBytes) return written;
    most = Math.ceil(length / 2);
  }
}

/**
 * Returns the newest offset of a state as an entry, or undefined for a state without entries. A reader that has this offset passes
 * the entry over. Any other reader reads the state, because the entry is the next one for nobody.
 */
export function newestOf(state: MemoryState, now: number): StateEntry | undefined {
  const { epoch, entries, last } = state.read(0, 1, now);
  const [entry] = entries;
  return entry && { ...entry, position: { epoch, offset: last }, previous: last };
}

function sizeOf({ fields, values }: Written): number {
  const text = Buffer.byteLength(JSON.stringify(fields));
  return values.reduce((bytes, { byteLength }) => bytes + byteLength, text);
}
