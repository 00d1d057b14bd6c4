import { inspect } from 'node:util';
import { isOutboundBytes, toBuffer } from '@headrace/core/authoring';
import { hexDump } from './hex-dump.ts';

/** The format of byte messages in a log. `hex` shows the bytes, and `simple` shows only their number. */
export type LogFormat = 'hex' | 'simple';

/** Returns a message as log text: one line and, for bytes, rows of hex below it. */
export function describeMessage(message: unknown, format: LogFormat, maxBytes: number): string {
  const bytes = bytesOf(message);
  if (bytes !== undefined) return describeBytes('', bytes, format, maxBytes);
  // JSON escapes line feeds of the peer, so that they do not start new lines in the log.
  if (typeof message === 'string') return describeText(message, maxBytes);
  const holder = contentOf(message);
  if (holder !== undefined) {
    return describeBytes(`${message!.constructor?.name ?? 'object'}, `, holder, format, maxBytes);
  }
  return inspect(message, {
    depth: 3,
    breakLength: Number.POSITIVE_INFINITY,
    maxStringLength: maxBytes,
    maxArrayLength: 100,
  }).replaceAll(/[\r\n]+\s*/g, ' ');
}

function describeText(text: string, maxLength: number): string {
  if (text.length <= maxLength) return JSON.stringify(text);
  return `${JSON.stringify(text.slice(0, maxLength))} … ${text.length - maxLength} more characters`;
}

function describeBytes(
  prefix: string,
  bytes: Uint8Array,
  format: LogFormat,
  maxBytes: number,
): string {
  const size = `${prefix}${bytes.length}B`;
  if (format === 'simple' || bytes.length === 0) return size;
  return `${size}\n${hexDump(bytes, maxBytes)}`;
}

function bytesOf(message: unknown): Uint8Array | undefined {
  return isOutboundBytes(message) ? toBuffer(message) : undefined;
}

/** Returns the bytes of a message that contains them as its content, such as a WebSocket frame. */
function contentOf(message: unknown): Uint8Array | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const { content } = message as { readonly content?: unknown };
  return content instanceof Uint8Array ? content : undefined;
}
