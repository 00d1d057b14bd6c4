import type { Clock } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { RecordWrite } from '../contract/records.ts';

/** Maximum number of records that are sent together. */
const MAX_BATCH = 64;
/** Maximum time for which a record is tried again, because others were first. */
const TRY_MS = 10_000;
/** Maximum time between two tries, after the first, and at most. */
const AGAIN_MS = 10;
const MAX_AGAIN_MS = 250;

/** What a record must follow in its stream: a sequence number, or the id of the record before it. */
export type Follows = { readonly sequence: number } | { readonly id: string };

/** The answer to a record that was sent: it has a revision, or another came first, after which the stream ends with `end` if known. */
export type Sent =
  | { readonly sequence: number; readonly revision: string }
  | { readonly end: number | undefined };

/** The requests of {@link WholeAppends}. */
export interface WholeAppendsParts {
  readonly clock: Clock;
  readonly randomText: () => string;
  /** Stores a mark, and resolves with its sequence number. Reads after it see all records before it. */
  mark(): Promise<number>;
  /** Resolves with false if the server that answers reads has not applied this record. */
  hasApplied(sequence: number): Promise<boolean>;
  /** Looks at the key of a write. Resolves with the answer if the write is not to be stored. */
  check(write: RecordWrite): Promise<{ readonly answer: string | undefined } | undefined>;
  put(write: RecordWrite, id: string, follows: Follows): Promise<Sent>;
}

interface Waiting {
  readonly write: RecordWrite;
  readonly endAt: number;
  /** Number of tries for which others were first. */
  races: number;
  resolve(revision: string | undefined): void;
  reject(error: Error): void;
}

/**
 * Appends to a stream whose server can acknowledge two records after the same record of a key (`checksKeys`). Each append expects the
 * end of the whole stream: the end is known first, then the keys are read, then the records are sent, each after the one before. So
 * any other record between the read and the append makes the server refuse it, and the node looks again. Nodes that append at the
 * same time are in each other's way, and one batch of a node is under way at a time.
 */
export class WholeAppends {
  private readonly parts: WholeAppendsParts;
  private queue: Waiting[] = [];
  private isRunning = false;
  private end: number | undefined = undefined;

  constructor(parts: WholeAppendsParts) {
    this.parts = parts;
  }

  append(write: RecordWrite): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const endAt = this.parts.clock.now() + TRY_MS;
      this.queue.push({ write, endAt, races: 0, resolve, reject });
      if (!this.isRunning) void this.run();
    });
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    for (let batch = this.take(); batch.length > 0; batch = this.take()) {
      try {
        await this.carry(batch);
      } catch (thrown) {
        this.end = undefined;
        for (const each of batch) each.reject(toError(thrown));
      }
      await this.rest();
    }
    this.isRunning = false;
  }

  /** Takes the next writes, one of each key, because the next one of a key follows it. */
  private take(): Waiting[] {
    const keys = new Set<string>();
    const batch: Waiting[] = [];
    this.queue = this.queue.filter((each) => {
      if (batch.length === MAX_BATCH || keys.has(each.write.key)) return true;
      keys.add(each.write.key);
      batch.push(each);
      return false;
    });
    return batch;
  }

  private async carry(batch: readonly Waiting[]): Promise<void> {
    const { mark, hasApplied, check, randomText, put } = this.parts;
    // Reads of a server that became the leader a moment ago can be older than the end that it compares.
    if (this.end !== undefined && !(await hasApplied(this.end))) this.end = undefined;
    this.end ??= await mark();
    const checked = await Promise.all(batch.map(({ write }) => check(write)));
    const left = batch.filter((each, at) => {
      const found = checked[at];
      if (found !== undefined) each.resolve(found.answer);
      return found === undefined;
    });
    let follows: Follows = { sequence: this.end };
    const sends = left.map(({ write }) => {
      const id = randomText();
      const sent = put(write, id, follows).catch((thrown: unknown) => toError(thrown));
      follows = { id };
      return sent;
    });
    for (const [at, sent] of (await Promise.all(sends)).entries()) this.settle(left[at]!, sent);
  }

  private settle(each: Waiting, sent: Sent | Error): void {
    if ('revision' in sent) {
      this.end = sent.sequence;
      each.resolve(sent.revision);
    } else if (sent instanceof Error) {
      this.end = undefined;
      each.reject(sent);
    } else {
      // An old end is refused together with the new one.
      this.end = sent.end ?? this.end;
      each.races += 1;
      this.again(each);
    }
  }

  private again(each: Waiting): void {
    if (this.parts.clock.now() < each.endAt) {
      this.queue.unshift(each);
      return;
    }
    const text = `others have appended to the stream before this record ${each.races} times`;
    each.reject(new Error(`${text}: use nats-server 2.11 or later, which compares keys`));
  }

  /** Gives others time, more after each race. */
  private rest(): Promise<void> {
    const races = Math.max(0, ...this.queue.map((each) => each.races));
    if (races === 0) return Promise.resolve();
    const { clock } = this.parts;
    const restMs = Math.random() * Math.min(MAX_AGAIN_MS, AGAIN_MS * 2 ** races);
    return new Promise((resolve) => void clock.schedule(resolve, restMs));
  }
}
