/** Counted for each waiting message on top of its bytes, so that many tiny ones do not under-count memory. */
export const ENTRY_OVERHEAD_BYTES = 64;
