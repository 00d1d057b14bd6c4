// What Netty's decoders of lines and delimiters do, from their documentation and recorded runs, with the rule
// that is ours on purpose as a switch: docs/decisions/0010-codec-frames-do-not-depend-on-the-cut.md. A case in
// which we differ is excused only if Netty's rule gives exactly what the case expects, and ours what we do.

const CR = 0x0d;
const LF = 0x0a;
const TOO_LONG = { error: 'TooLongFrameException' } as const;

/** What came out during one chunk, in the words of the vector files. */
type FrameEvents = unknown[];

interface FrameConfig {
  readonly maxLength: number;
  readonly stripDelimiter: boolean;
  readonly failFast: boolean;
  /** The begin of a delimiter at the end of what has arrived is no part of the frame. */
  readonly waitsForCutDelimiters: boolean;
}

/** Where the first delimiter stands and how long it is. */
type Found = readonly [at: number, size: number] | undefined;

/** What is a decoder's own. */
interface Delimiting {
  /** The rest of a read waits after an error for the next read. */
  readonly stopsAfterError: boolean;
  find(bytes: Buffer): Found;
  /** How many bytes at the end may be the begin of a delimiter. */
  begunAtEnd(bytes: Buffer): number;
}

/** What comes out of a decoder of Netty's during each chunk, and during the close. */
type Model = (chunks: readonly string[]) => FrameEvents[];

function model(config: FrameConfig, { stopsAfterError, find, begunAtEnd }: Delimiting): Model {
  const { maxLength, stripDelimiter, failFast, waitsForCutDelimiters } = config;
  let bytes: Buffer = Buffer.alloc(0);
  let discarded: number | undefined;
  let events: FrameEvents = [];

  /** Returns true if that was an error. */
  const take = (length: number, size: number): boolean => {
    const frame = bytes.subarray(0, stripDelimiter ? length : length + size);
    const wasDiscarding = discarded !== undefined;
    discarded = undefined;
    bytes = bytes.subarray(length + size);
    const isTooLong = wasDiscarding || length > maxLength;
    if (!isTooLong) events.push({ frame: frame.toString('hex') });
    else if (!wasDiscarding || !failFast) events.push(TOO_LONG);
    return isTooLong && !(wasDiscarding && failFast);
  };

  const wait = (): void => {
    const length = bytes.length - (waitsForCutDelimiters ? begunAtEnd(bytes) : 0);
    const isFirst = discarded === undefined;
    if (isFirst && length <= maxLength) return;
    discarded = (discarded ?? 0) + length;
    bytes = bytes.subarray(length);
    if (isFirst && failFast) events.push(TOO_LONG);
  };

  const decodeAll = (): FrameEvents => {
    events = [];
    while (bytes.length > 0) {
      const found = find(bytes);
      if (found === undefined) wait();
      if (found === undefined || (take(...found) && stopsAfterError)) break;
    }
    return events;
  };

  return (chunks) => {
    const lists = chunks.map((chunk) => {
      bytes = Buffer.concat([bytes, Buffer.from(chunk, 'hex')]);
      return decodeAll();
    });
    return [...lists, decodeAll()];
  };
}

/** Netty's `LineBasedFrameDecoder`: it reports errors and goes on. */
export function modelOfLines(config: FrameConfig): Model {
  return model(config, {
    stopsAfterError: false,
    find(bytes) {
      const lf = bytes.indexOf(LF);
      if (lf === -1) return undefined;
      return lf > 0 && bytes[lf - 1] === CR ? [lf - 1, 2] : [lf, 1];
    },
    begunAtEnd: (bytes) => (bytes.at(-1) === CR ? 1 : 0),
  });
}

/** Netty's `DelimiterBasedFrameDecoder`: it throws, and the rest waits for the next read. */
export function modelOfDelimiters(config: FrameConfig, delimiters: readonly Buffer[]): Model {
  return model(config, {
    stopsAfterError: true,
    /** The one that gives the shortest frame; of several, that which was named first. */
    find(bytes) {
      let best: Found;
      for (const delimiter of delimiters) {
        const at = bytes.indexOf(delimiter);
        if (at !== -1 && (best === undefined || at < best[0])) best = [at, delimiter.length];
      }
      return best;
    },
    begunAtEnd(bytes) {
      const starts = delimiters.flatMap((one) =>
        Array.from({ length: one.length - 1 }, (_, i) => one.subarray(0, i + 1)),
      );
      const begun = starts.filter((start) => bytes.subarray(-start.length).equals(start));
      return Math.max(0, ...begun.map(({ length }) => length));
    },
  });
}
