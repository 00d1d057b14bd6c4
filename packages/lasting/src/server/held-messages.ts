import { Buffer } from 'node:buffer';
import type { MessageHold } from '@headrace/core';
import type { UnfinishedMessage } from '../protocol/session-record.ts';

interface HeldMessage extends UnfinishedMessage {
  holds: number;
  readonly isRepeated: boolean;
}

/** Messages from the client whose work is under way. If this process is killed, the next one reads them again. */
export class HeldMessages {
  private readonly changed: () => void;
  private readonly held = new Map<number, HeldMessage>();
  /** The numbers of those of another process that the pipeline has not read yet. */
  private readonly repeats: number[] = [];
  /** The message that the pipeline reads now. */
  private present: Buffer | undefined = undefined;
  private presentNumber = 0;
  private isRepeat = false;

  /** @param changed - the work for a message is done */
  constructor(changed: () => void) {
    this.changed = changed;
  }

  get repeatCount(): number {
    return this.repeats.length;
  }

  /** Goes on with those of another process, which the pipeline reads before all others. */
  goOnWith(messages: readonly UnfinishedMessage[]): void {
    for (const message of messages) {
      this.held.set(message.number, { ...message, holds: 1, isRepeated: true });
      this.repeats.push(message.number);
    }
  }

  /** Those of now, oldest first. */
  copy(): ReadonlyMap<number, UnfinishedMessage> {
    return new Map(this.held);
  }

  /** The pipeline begins to read a message; `number` counts it, unless it was read before in another process. */
  reads(payload: Buffer, number: number): void {
    const repeated = this.repeats.shift();
    this.present = payload;
    this.isRepeat = repeated !== undefined;
    this.presentNumber = repeated ?? number;
  }

  /** The pipeline has read it. True if it was read before in another process, which has counted it. */
  hasRead(): boolean {
    const { isRepeat, presentNumber } = this;
    this.present = undefined;
    this.isRepeat = false;
    if (isRepeat) this.release(this.held.get(presentNumber)!);
    return isRepeat;
  }

  /** Holds the message that the pipeline reads now. */
  hold(): MessageHold | undefined {
    if (this.present === undefined) return undefined;
    const number = this.presentNumber;
    let message = this.held.get(number);
    if (message === undefined) {
      message = { number, payload: Buffer.from(this.present), holds: 0, isRepeated: false };
      this.held.set(number, message);
    }
    const held = message;
    held.holds += 1;
    let isReleased = false;
    return {
      isRepeated: held.isRepeated,
      release: () => {
        if (!isReleased) this.release(held);
        isReleased = true;
      },
    };
  }

  clear(): void {
    this.held.clear();
    this.repeats.length = 0;
  }

  private release(message: HeldMessage): void {
    message.holds -= 1;
    if (message.holds > 0) return;
    this.held.delete(message.number);
    this.changed();
  }
}
