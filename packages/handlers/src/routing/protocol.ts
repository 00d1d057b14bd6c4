import { Buffer } from 'node:buffer';
import { type Channel, type Context, OptionError, type OutboundBytes } from '@headrace/core';

/** One of the protocols that a {@link ProtocolDetector} recognizes. */
export interface Protocol {
  /** The name of the protocol for logs, events and `handleTimeout`. */
  readonly name: string;
  /**
   * Checks whether the first bytes (at least one byte) belong to this protocol. Returns `need-more` if more bytes must decide.
   */
  matches(prefix: Buffer): boolean | 'need-more';
  /** Adds the protocol's handlers, like a `childHandler`: `channel.pipeline.addLast(…)`. */
  install(channel: Channel<Buffer, OutboundBytes>, ctx: Context): unknown;
}

/**
 * Returns a function that matches bytes that begin with one of the given values. A text is encoded in UTF-8.
 *
 * @throws OptionError `OPTION_INVALID` if there is no value, or if a value is empty
 */
export function startsWith(
  ...starts: readonly (string | Uint8Array)[]
): (prefix: Buffer) => boolean | 'need-more' {
  const wanted = starts.map((start) => Buffer.from(start as Uint8Array));
  if (wanted.length === 0 || wanted.some((bytes) => bytes.length === 0)) {
    throw new OptionError('OPTION_INVALID', 'startsWith needs at least one byte to look for');
  }
  return (prefix) => {
    let mayStill = false;
    for (const bytes of wanted) {
      const length = Math.min(bytes.length, prefix.length);
      if (bytes.compare(prefix, 0, length, 0, length) !== 0) continue;
      if (length === bytes.length) return true;
      mayStill = true;
    }
    return mayStill ? 'need-more' : false;
  };
}

/**
 * Matches the start of an HTTP/1 request: a method of RFC 9110 or PATCH (RFC 5789), with the space that follows it. Load
 * balancers use HEAD, and a browser's preflight request uses OPTIONS. For a method of another standard, such as WebDAV, use
 * `startsWith`.
 */
export const isHttpRequest: (prefix: Buffer) => boolean | 'need-more' = startsWith(
  'GET ',
  'HEAD ',
  'POST ',
  'PUT ',
  'DELETE ',
  'CONNECT ',
  'OPTIONS ',
  'TRACE ',
  'PATCH ',
);
