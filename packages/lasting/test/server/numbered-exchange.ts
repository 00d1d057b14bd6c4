// What the clients and the servers of log.heavy.test.ts say to each other: numbered messages both ways, and calls among them.

/**
 * Time for which a client can have no link, in milliseconds. It is longer than any test: on a busy machine, a client can take long
 * for what the test waits for.
 */
export const WINDOW_MS = 3_600_000;

/** The bytes of each call, of each notice and of each answer. */
export const BODY_BYTES = 16;

/** The fields of a body. */
export interface Numbers {
  readonly client: number;
  /** Of the message; an answer has that of its call. */
  readonly number: number;
  /** In an answer: messages of the client that had come. */
  readonly came: number;
  /** In an answer: notices that had been written. */
  readonly notices: number;
}

export function bodyOf(client: number, number: number, came = 0, notices = 0): Buffer {
  const body = Buffer.allocUnsafe(BODY_BYTES);
  for (const [index, value] of [client, number, came, notices].entries()) {
    body.writeUInt32BE(value, index * 4);
  }
  return body;
}

/** Reads a body, or a frame that ends with one. */
export function numbersIn(bytes: Buffer): Numbers {
  const at = bytes.length - BODY_BYTES;
  const [client, number, came, notices] = [0, 4, 8, 12].map((field) =>
    bytes.readUInt32BE(at + field),
  ) as [number, number, number, number];
  return { client, number, came, notices };
}

/** How much is said. */
export interface Load {
  /** Messages of each end of each channel in a tick; one of the client's is a call. */
  readonly perTick: number;
  readonly tickMs: number;
  /** A client leaves a link over which nothing has come for so long; 0 for never. */
  readonly silenceMs: number;
  /** Longest pause of a client between two tries; 0 for the default policy. */
  readonly retryMs: number;
}

export const textOf = ({ perTick, tickMs, silenceMs, retryMs }: Load): string =>
  [perTick, tickMs, silenceMs, retryMs].join('/');

export function loadFrom(text: string): Load {
  const [perTick, tickMs, silenceMs, retryMs] = text.split('/').map(Number) as [
    number,
    number,
    number,
    number,
  ];
  return { perTick, tickMs, silenceMs, retryMs };
}
