import { Buffer } from 'node:buffer';

const SHOWN_BYTES = 24;
const SHOWN_CHARACTERS = 60;

/** Returns the type and the start of a message, for a log line. */
export function messageText(message: unknown): string {
  if (message instanceof Uint8Array) {
    const hex = Buffer.from(message.buffer, message.byteOffset, message.length)
      .toString('hex', 0, SHOWN_BYTES)
      .replaceAll(/..(?=.)/g, '$& ');
    return `${message.length} bytes <${hex}${message.length > SHOWN_BYTES ? ' …' : ''}>`;
  }
  if (typeof message === 'string') {
    const shown = JSON.stringify(message.slice(0, SHOWN_CHARACTERS));
    return message.length > SHOWN_CHARACTERS ? `${shown}… (${message.length})` : shown;
  }
  if (typeof message !== 'object' || message === null) return String(message);
  const { byteLength } = message as { readonly byteLength?: unknown };
  const size = typeof byteLength === 'number' ? ` of ${byteLength} bytes` : '';
  return `${message.constructor?.name ?? 'object'}${size}`;
}
