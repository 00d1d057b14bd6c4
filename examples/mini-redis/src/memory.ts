import { RespError } from '@headrace/resp';

/** Counts what clients make the server keep: keys, values, and names that somebody listens to. */
export class Memory {
  private used = 0;
  private readonly maxBytes: number;

  /** @param maxBytes - Redis calls it `maxmemory` */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.used;
  }

  /** More than the limit is kept: what would keep more is refused. */
  get isFull(): boolean {
    return this.used > this.maxBytes;
  }

  /** @param bytes - negative for what is not kept any more */
  add(bytes: number): void {
    this.used += bytes;
  }
}

/** The answer to a command that would keep more than the limit. */
export function outOfMemory(): RespError {
  return new RespError("OOM command not allowed when used memory > 'maxmemory'.");
}
