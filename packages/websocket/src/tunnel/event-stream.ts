import { Buffer } from 'node:buffer';
import { DecodeError } from '@headrace/core';
import { ByteBlocks } from '@headrace/core/authoring';

// The answer to a request for a session consists of server-sent events, which proxies forward at
// once (https://html.spec.whatwg.org/multipage/server-sent-events.html). An event without a name
// contains bytes as base64.

/** Name of an event whose data is JSON: the session's id as base64url, and the subprotocol. */
export const OPEN_EVENT = 'open';
/** Name of the event that ends the server's output. A stream that stops without this event was cut. */
export const END_EVENT = 'end';
/** An empty comment, for proxies that close silent streams. */
export const COMMENT = ':\n\n';

/** Maximum number of bytes of one event. */
const EVENT_BYTES = 48 * 1024;
/** Length that no line of a Headrace server exceeds. */
const MAX_LINE = 2 * EVENT_BYTES;
const LF = 10;

export function namedEvent(name: string, data: string): string {
  return `event: ${name}\ndata: ${data}\n\n`;
}

/** Returns the events that contain these bytes. */
export function bytesEvents(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += EVENT_BYTES) {
    text += `data: ${bytes.toString('base64', at, Math.min(at + EVENT_BYTES, bytes.length))}\n\n`;
  }
  return text;
}

/** Splits a stream into its events, wherever its pieces begin and end. */
export class EventStreamReader {
  private readonly arrived: (name: string, data: string) => void;
  /** The line that has not ended yet. */
  private readonly line = new ByteBlocks();
  private name = '';
  private data = '';

  /** @param arrived - callback that receives each event; the name is empty for an event without a name */
  constructor(arrived: (name: string, data: string) => void) {
    this.arrived = arrived;
  }

  /** @throws DecodeError for a line that is longer than those of a Headrace server */
  push(bytes: Uint8Array): void {
    let at = 0;
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, at)) {
      this.add(bytes.subarray(at, end));
      this.lineRead(this.line.takeAll().toString('latin1'));
      at = end + 1;
    }
    this.add(bytes.subarray(at));
  }

  private add(bytes: Uint8Array): void {
    const { line } = this;
    line.push(bytes);
    if (line.size <= MAX_LINE) return;
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
