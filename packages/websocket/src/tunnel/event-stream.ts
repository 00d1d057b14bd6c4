import { Buffer } from 'node:buffer';
import { DecodeError } from '@headrace/core';

// The answer to a request for a session: server-sent events, which proxies know and pass on as they come
// (https://html.spec.whatwg.org/multipage/server-sent-events.html). An event without a name carries bytes, as base64.

/** Its data is JSON: the session's id as base64url, and the subprotocol. */
export const OPEN_EVENT = 'open';
/** The server's half ends. A stream that stops without it was cut. */
export const END_EVENT = 'end';
/** A line that says nothing, for proxies that cut what is silent. */
export const COMMENT = ':\n\n';

/** Bytes of one event at most. */
const EVENT_BYTES = 48 * 1024;
/** Longer than any line of ours. */
const MAX_LINE = 2 * EVENT_BYTES;

export function namedEvent(name: string, data: string): string {
  return `event: ${name}\ndata: ${data}\n\n`;
}

/** The events that carry these bytes. */
export function bytesEvents(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += EVENT_BYTES) {
    text += `data: ${bytes.toString('base64', at, Math.min(at + EVENT_BYTES, bytes.length))}\n\n`;
  }
  return text;
}

/** Cuts a stream into its events, however it comes. */
export class EventStreamReader {
  private readonly arrived: (name: string, data: string) => void;
  private rest = '';
  private name = '';
  private data = '';

  /** @param arrived - gets each event; the name is empty for one without */
  constructor(arrived: (name: string, data: string) => void) {
    this.arrived = arrived;
  }

  /** @throws DecodeError for a line that is longer than any of a server of ours */
  push(bytes: Uint8Array): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop()!;
    for (const line of lines) this.lineRead(line);
    if (this.rest.length <= MAX_LINE) return;
    const why = `a line of more than ${MAX_LINE} characters in the answer of the server`;
    throw new DecodeError('FRAME_TOO_LONG', why, { maxLength: MAX_LINE });
  }

  private lineRead(line: string): void {
    if (line.startsWith('data: ')) this.data = line.slice('data: '.length);
    else if (line.startsWith('event: ')) this.name = line.slice('event: '.length);
    else if (line === '') this.ended();
  }

  private ended(): void {
    const { name, data } = this;
    this.name = this.data = '';
    if (name !== '' || data !== '') this.arrived(name, data);
  }
}
