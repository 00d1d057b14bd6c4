import { Buffer } from 'node:buffer';
import type { MemoryState } from '../../log/memory-state.ts';
import type { StateEntry, StatePage } from '../../log/state-log.ts';
import { type Written, writtenPage } from './mesh-state-frame.ts';

/** Bytes of a frame besides the page. */
const OVERHEAD_BYTES = 64;

/** Writes a page of a state that fits into a frame. */
export function readPage(
  read: (limit: number) => StatePage,
  limit: number,
  maxBytes: number,
): Written {
  for (let most = limit; ; ) {
    const page = read(most);
    const written = writtenPage(page);
    const { length } = page.entries;
    if (length <= 1 || sizeOf(written) + OVERHEAD_BYTES <= maxBytes) return written;
    most = Math.ceil(length / 2);
  }
}

/** Returns the newest offset of a state, even of one without entries, as `StateLink.follow` gives it. */
export function newestOf({ epoch, lastOffset }: MemoryState): StateEntry {
  const position = { epoch, offset: lastOffset };
  const nothing = { id: '', key: '', isRemoval: true, ageMs: 0, bytes: Buffer.alloc(0) };
  return { position, previous: lastOffset, ...nothing };
}

function sizeOf({ fields, values }: Written): number {
  const text = Buffer.byteLength(JSON.stringify(fields));
  return values.reduce((bytes, { byteLength }) => bytes + byteLength, text);
}
