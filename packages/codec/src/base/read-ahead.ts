import type { AheadReader } from '@headrace/core/authoring';
import type { ByteInput } from './byte-input.ts';

/** Number of frames that are decoded at first. For a handler that holds reads after each message, each frame is decoded once. */
const FIRST = 1;
const GROWTH = 4;
const MAX_FRAMES = 64;

/** The place of a frame in the memory of the input. */
export interface FramePlace {
  /** The bytes of the frame that are passed on. */
  start: number;
  end: number;
  /** The index of the first byte after the frame. */
  next: number;
}

/** Finds frames without taking them. */
export interface FrameFinder {
  /** Finds the frame at `index` of the input. Returns false if there is no whole and good frame. */
  findFrame(input: ByteInput, index: number, into: FramePlace): boolean;
}

/** The next messages of an input, which its decoder has not taken yet. */
export class ReadAhead {
  /** The number of messages. */
  count = 0;
  private readonly messages: unknown[] = [];
  private readonly ends: number[] = [];
  private readonly place: FramePlace = { start: 0, end: 0, next: 0 };
  private most = FIRST;

  /** Returns an empty object, until {@link giveBack}. Most reads do not meet another read within them. */
  static take(): ReadAhead {
    const taken = spare ?? new ReadAhead();
    spare = undefined;
    taken.most = FIRST;
    return taken;
  }

  giveBack(): void {
    this.clear();
    spare = this;
  }

  /** Decodes the next frames. Later calls decode more of them. */
  fill(input: ByteInput, finder: FrameFinder, reader: AheadReader): void {
    this.clear();
    const { place, messages, ends, most } = this;
    this.most = Math.min(MAX_FRAMES, most * GROWTH);
    const { buffer } = input;
    let index = input.start;
    let count = 0;
    while (count < most && finder.findFrame(input, index, place)) {
      const message = reader.readAhead(buffer, place.start, place.end);
      if (message === undefined) break;
      index = place.next;
      messages[count] = message;
      ends[count] = index;
      count += 1;
    }
    this.count = count;
  }

  /** The message at `at`, which is not kept alive any longer. */
  message(at: number): unknown {
    const message = this.messages[at];
    this.messages[at] = undefined;
    return message;
  }

  /** The index in the input after the frame of the message at `at`. */
  end(at: number): number {
    return this.ends[at]!;
  }

  private clear(): void {
    for (let at = 0; at < this.count; at++) this.messages[at] = undefined;
    this.count = 0;
  }
}

let spare: ReadAhead | undefined;
