import { Buffer } from 'node:buffer';
import { checkWellFormed } from '@headrace/codec';

/** A version of STOMP, as CONNECTED names it. */
export type StompVersion = '1.0' | '1.1' | '1.2';

/** The command of a STOMP frame. */
export type StompCommand =
  | 'CONNECT'
  | 'STOMP'
  | 'CONNECTED'
  | 'SEND'
  | 'SUBSCRIBE'
  | 'UNSUBSCRIBE'
  | 'ACK'
  | 'NACK'
  | 'BEGIN'
  | 'COMMIT'
  | 'ABORT'
  | 'DISCONNECT'
  | 'MESSAGE'
  | 'RECEIPT'
  | 'ERROR';

const COMMANDS: Readonly<Record<StompCommand, true>> = {
  CONNECT: true,
  STOMP: true,
  CONNECTED: true,
  SEND: true,
  SUBSCRIBE: true,
  UNSUBSCRIBE: true,
  ACK: true,
  NACK: true,
  BEGIN: true,
  COMMIT: true,
  ABORT: true,
  DISCONNECT: true,
  MESSAGE: true,
  RECEIPT: true,
  ERROR: true,
};

/** Every command of STOMP 1.0 to 1.2. */
export const STOMP_COMMANDS: ReadonlySet<string> = new Set(Object.keys(COMMANDS));

/** A content-length that the decoder accepts. */
export const CONTENT_LENGTH: RegExp = /^\d{1,10}$/;

const EMPTY: Buffer = Buffer.alloc(0);

/** A frame of STOMP: a command, headers in order, and a body. */
export class StompFrame {
  readonly command: StompCommand;
  /** Names and values in their order. If a name occurs several times, its first value counts. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Content of the frame, empty if the frame has no content. */
  readonly body: Buffer;

  /** @throws EncodeError `MESSAGE_NOT_ENCODABLE` for a body with half of a surrogate pair */
  constructor(
    command: StompCommand,
    headers: readonly (readonly [string, string])[] | Readonly<Record<string, string>> = [],
    body: string | Uint8Array = EMPTY,
  ) {
    this.command = command;
    this.headers = Array.isArray(headers) ? headers : Object.entries(headers);
    if (typeof body === 'string') checkWellFormed(body);
    this.body = Buffer.isBuffer(body) ? body : Buffer.from(body as Uint8Array);
  }

  /** Returns the value of the first header with this name. */
  header(name: string): string | undefined {
    return this.headers.find(([known]) => known === name)?.[1];
  }
}

/**
 * Returns true for frames whose headers are escaped. STOMP 1.0 has no escapes, and the later versions have none in CONNECT and
 * CONNECTED, for compatibility with it.
 */
export function isEscaped(command: string, version: StompVersion): boolean {
  return version !== '1.0' && command !== 'CONNECT' && command !== 'CONNECTED';
}
