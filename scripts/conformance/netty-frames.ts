// What Netty's decoders of lines and delimiters do, from their documentation and recorded runs, with the rule
// that is ours on purpose as a switch: docs/decisions/0010-codec-frames-do-not-depend-on-the-cut.md. A case in
// which we differ is excused only if Netty's rule gives exactly what the case expects, and ours what we do.

const CR = 0x0d;
const LF = 0x0a;
const TOO_LONG = { error: 'TooLongFrameException' } as const;

/** What came out during one chunk, in the words of the vector files. */
export type FrameEvents = unknown[];

export interface FrameConfig {
  readonly maxLength: number;
  readonly stripDelimiter: boolean;
  readonly failFast: boolean;
  /** The begin of a delimiter at the end of what has arrived is no part of the frame. */
  readonly waitsForCutDelimiters: boolean;
}

/** A decoder as Netty's: takes frames off the bytes that have arrived. */
abstract class FrameModel {
  protected readonly config: FrameConfig;
  protected bytes: Buffer = Buffer.alloc(0);
  protected events: FrameEvents = [];
  private discarded: number | undefined = undefined;

  constructor(config: FrameConfig) {
    this.config = config;
  }

  /** The events of each chunk, and those of the close. */
  run(chunks: readonly string[]): FrameEvents[] {
    const lists = chunks.map((chunk) => {
      this.bytes = Buffer.concat([this.bytes, Buffer.from(chunk, 'hex')]);
      return this.decodeAll();
    });
    return [...lists, this.decodeAll()];
  }

  /** Where the first delimiter stands and how long it is. */
  protected abstract find(): readonly [at: number, size: number] | undefined;

  /** How many bytes at the end may be the begin of a delimiter. */
  protected abstract begunAtEnd(): number;

  /** Whether the rest of a read waits after an error for the next read. */
  protected abstract readonly stopsAfterError: boolean;

  private decodeAll(): FrameEvents {
    this.events = [];
    while (this.bytes.length > 0) {
      const found = this.find();
      const hasFailed = found === undefined ? this.wait() : this.take(...found);
      if (found === undefined || (hasFailed && this.stopsAfterError)) break;
    }
    return this.events;
  }

  /** Returns true if that was an error. */
  private take(length: number, size: number): boolean {
    const { maxLength, stripDelimiter, failFast } = this.config;
    const frame = this.bytes.subarray(0, stripDelimiter ? length : length + size);
    const wasDiscarding = this.discarded !== undefined;
    this.discarded = undefined;
    this.bytes = this.bytes.subarray(length + size);
    const isTooLong = wasDiscarding || length > maxLength;
    if (!isTooLong) this.events.push({ frame: frame.toString('hex') });
    else if (!wasDiscarding || !failFast) this.events.push(TOO_LONG);
    return isTooLong && !(wasDiscarding && failFast);
  }

  private wait(): boolean {
    const { maxLength, failFast, waitsForCutDelimiters } = this.config;
    const length = this.bytes.length - (waitsForCutDelimiters ? this.begunAtEnd() : 0);
    const isFirst = this.discarded === undefined;
    if (isFirst && length <= maxLength) return false;
    this.discarded = (this.discarded ?? 0) + length;
    this.bytes = this.bytes.subarray(length);
    if (isFirst && failFast) this.events.push(TOO_LONG);
    return isFirst && failFast;
  }
}

/** Netty's `LineBasedFrameDecoder`: it reports errors and goes on. */
export class LineModel extends FrameModel {
  protected override readonly stopsAfterError = false;

  protected override find(): readonly [number, number] | undefined {
    const lf = this.bytes.indexOf(LF);
    if (lf === -1) return undefined;
    return lf > 0 && this.bytes[lf - 1] === CR ? [lf - 1, 2] : [lf, 1];
  }

  protected override begunAtEnd(): number {
    return this.bytes.at(-1) === CR ? 1 : 0;
  }
}

/** Netty's `DelimiterBasedFrameDecoder`: it throws, and the rest waits for the next read. */
export class DelimiterModel extends FrameModel {
  protected override readonly stopsAfterError = true;
  private readonly delimiters: readonly Buffer[];

  constructor(config: FrameConfig, delimiters: readonly Buffer[]) {
    super(config);
    this.delimiters = delimiters;
  }

  /** The one that gives the shortest frame; of several, that which was named first. */
  protected override find(): readonly [number, number] | undefined {
    let best: readonly [number, number] | undefined;
    for (const delimiter of this.delimiters) {
      const at = this.bytes.indexOf(delimiter);
      if (at !== -1 && (best === undefined || at < best[0])) best = [at, delimiter.length];
    }
    return best;
  }

  protected override begunAtEnd(): number {
    const longest = Math.max(...this.delimiters.map(({ length }) => length));
    for (let size = Math.min(longest - 1, this.bytes.length); size > 0; size--) {
      const end = this.bytes.subarray(this.bytes.length - size);
      const isBegun = this.delimiters.some(
        (delimiter) => delimiter.length > size && delimiter.subarray(0, size).equals(end),
      );
      if (isBegun) return size;
    }
    return 0;
  }
}
