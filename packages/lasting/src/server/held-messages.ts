import { Buffer } from 'node:buffer';
import type { MessageHold } from '@headrace/handlers/call';
import type { UnfinishedMessage } from '../protocol/session-record.ts';

interface HeldMessage extends UnfinishedMessage {
  holds: number;
  readonly isRepeated: boolean;
}

/**
 * Messages from the client whose processing has not ended. If this process is killed, the next process reads these messages
 * again.
 */
export class HeldMessages {
  private readonly changed: () => void;
  private readonly held = new Map<number, HeldMessage>();
  /** Numbers of messages of another process that the pipeline has not read yet. */
  private readonly repeats: number[] = [];
  /** Message that the pipeline is reading. */
  private present: Buffer | undefined = undefined;
  private presentNumber = 0;
  private isRepeat = false;

  /** @param changed - called when the processing of a message has ended */
  constructor(changed: () => void) {
    this.changed = changed;
  }

  get repeatCount(): number {
    return this.repeats.length;
  }

  /** Continues with the messages of another process, which the pipeline reads first. */
  restore(messages: readonly UnfinishedMessage[]): void {
    for (const message of messages) {
      this.held.set(message.number, { ...message, holds: 1, isRepeated: true });
      this.repeats.push(message.number);
    }
  }

  /** Returns the current messages, oldest first. */
  copy(): ReadonlyMap<number, UnfinishedMessage> {
    return new Map(this.held);
  }

  /**
   * Called when the pipeline begins to read a message. `number` is the message's number, unless another process has counted the
   * message.
   */
  reads(payload: Buffer, number: number): void {
    const repeated = this.repeats.shift();
    this.present = payload;
    this.isRepeat = repeated !== undefined;
    this.presentNumber = repeated ?? number;
  }

  /** Called when the pipeline has read the message. Returns true if another process has counted the message. */
  hasRead(): boolean {
    const { isRepeat, presentNumber } = this;
    this.present = undefined;
    this.isRepeat = false;
    if (isRepeat) this.release(this.held.get(presentNumber)!);
    return isRepeat;
  }

  /** Holds the message that the pipeline is reading. */
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
