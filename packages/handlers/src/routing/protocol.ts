import { Buffer } from 'node:buffer';
import { type Channel, type Context, OptionError, type OutboundBytes } from '@headrace/core';

/** One of the protocols that a {@link ProtocolDetector} recognizes. */
export interface Protocol {
  /** For logs, events and `handleTimeout`. */
  readonly name: string;
  /** Looks at the first bytes, at least one: is it this protocol? `need-more` if it still may be. */
  matches(prefix: Buffer): boolean | 'need-more';
  /** Adds the protocol's handlers, as a `childHandler` does: `channel.pipeline.addLast(…)`. */
  install(channel: Channel<Buffer, OutboundBytes>, ctx: Context): unknown;
}

/**
 * Matches bytes that start with one of these; a text is taken as UTF-8.
 *
 * @throws OptionError `OPTION_INVALID` without anything to look for, or with an empty one
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
 * Matches the start of an HTTP/1 request: the methods of RFC 9110 and PATCH (RFC 5789), each with the space after
 * it. A load balancer asks with HEAD, a browser's preflight with OPTIONS. A method of another standard, as WebDAV
 * has them, needs `startsWith`.
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
