import { randomBytes } from 'node:crypto';

/** A message of a stream that this process has seen. */
export interface SeenMessage {
  readonly sequence: number;
  /** The id in the header of the message. */
  readonly id: string;
}

/** Whether the stream still has a seen message. `unknown`: its limits may have removed it. */
type MessageState = 'same' | 'other' | 'unknown';

/** Number of messages in each level, and the share of a level that the next one keeps. */
const SIZE = 64;
const LEVELS = 3;

/**
 * Remembers messages of one JetStream stream over all links: the newest ones, and fewer older ones. With them, a node notices
 * that the stream has lost its newest messages, for example after a power cut, and that its numbers are used again.
 */
export class StreamMemory {
  /** Lines about the stream that were logged. */
  readonly lines = new Set<string>();
  /** The name of this process in the changes of a state, over all links. */
  readonly writer = randomBytes(4).toString('base64url');
  private readonly levels: SeenMessage[][] = Array.from({ length: LEVELS }, () => []);
  private epoch: string | undefined = undefined;
  private count = 0;
  private highest = 0;

  /** Returns the highest sequence of an epoch that was seen, or 0. */
  newestOf(epoch: string | undefined): number {
    return this.epoch === epoch ? this.highest : 0;
  }

  saw(epoch: string, sequence: number, id: string): void {
    if (this.epoch !== epoch) this.restart(epoch);
    if (sequence <= this.highest) return;
    this.highest = sequence;
    let each = 1;
    for (const level of this.levels) {
      if (this.count % each !== 0) break;
      level.push({ sequence, id });
      if (level.length > 2 * SIZE) level.splice(0, SIZE);
      each *= SIZE;
    }
    this.count += 1;
  }

  /**
   * Finds the messages that a stream has lost. Resolves with the sequence of the last remembered message that it still has, or 0
   * if there is none, and with `undefined` if nothing is known to be lost.
   */
  async lastKept(
    epoch: string,
    stateOf: (seen: SeenMessage) => Promise<MessageState>,
  ): Promise<number | undefined> {
    if (this.epoch !== epoch) return undefined;
    const seen = [...new Map(this.levels.flat().map((each) => [each.sequence, each])).values()];
    seen.sort((one, other) => one.sequence - other.sequence);
    const newest = seen.at(-1);
    if (newest === undefined || (await stateOf(newest)) !== 'other') return undefined;
    let low = 0;
    let high = seen.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      // The limits of a stream remove its oldest messages first.
      if ((await stateOf(seen[middle]!)) === 'other') high = middle;
      else low = middle + 1;
    }
    return low === 0 ? 0 : seen[low - 1]!.sequence;
  }

  restart(epoch: string | undefined): void {
    this.epoch = epoch;
    this.highest = this.count = 0;
    for (const level of this.levels) level.length = 0;
  }
}

/** Returns the memory of a stream. */
export function memoryOf(memories: Map<string, StreamMemory>, name: string): StreamMemory {
  const known = memories.get(name);
  if (known !== undefined) return known;
  const memory = new StreamMemory();
  memories.set(name, memory);
  return memory;
}
