/**
 * Bytes that are counted for each waiting message in addition to its own bytes, because many small messages need memory, too.
 */
export const ENTRY_OVERHEAD_BYTES = 64;
