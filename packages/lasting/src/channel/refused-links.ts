import type { CloseInfo } from '@headrace/core';

/** Number of links in a row that end at the same message, after which the channel ends. */
export const MAX_REFUSALS = 3;
/** Maximum time between two of these links. */
const SAME_REFUSAL_MS = 300_000;

/** Counts links that this end closed at the same message, because it cannot be read or written. Each link sends it again. */
export class RefusedLinks {
  private count = 0;
  /** Number of messages in both directions after which the last of these links ended. */
  private progress = -1;
  private at = 0;

  /**
   * Called when a link was lost.
   *
   * @param progress - number of messages that have passed in both directions
   * @returns true if the channel must end
   */
  lost({ reason, by }: Partial<CloseInfo>, progress: number, now: number): boolean {
    if (reason !== 'bad-input' && (reason !== 'error' || by !== 'local')) {
      this.count = 0;
      return false;
    }
    const isSame = progress === this.progress && now - this.at < SAME_REFUSAL_MS;
    this.count = isSame ? this.count + 1 : 1;
    this.progress = progress;
    this.at = now;
    return this.count >= MAX_REFUSALS;
  }
}
