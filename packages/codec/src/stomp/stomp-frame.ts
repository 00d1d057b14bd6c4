import { Buffer } from 'node:buffer';

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

const EMPTY: Buffer = Buffer.alloc(0);

/** One frame of STOMP: a command, headers in order, a body. */
export class StompFrame {
  readonly command: StompCommand;
  /** Names and values in their order; a name may occur again, and then the first one counts. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The content; empty if there is none. */
  readonly body: Buffer;

  constructor(
    command: StompCommand,
    headers: readonly (readonly [string, string])[] | Readonly<Record<string, string>> = [],
    body: string | Uint8Array = EMPTY,
  ) {
    this.command = command;
    this.headers = Array.isArray(headers) ? headers : Object.entries(headers);
    this.body = Buffer.isBuffer(body) ? body : Buffer.from(body as Uint8Array);
  }

  /** The first header of this name. */
  header(name: string): string | undefined {
    return this.headers.find(([known]) => known === name)?.[1];
  }
}

/** Frames whose headers are not escaped, for the sake of STOMP 1.0. */
export function isEscaped(command: string): boolean {
  return command !== 'CONNECT' && command !== 'CONNECTED';
}
