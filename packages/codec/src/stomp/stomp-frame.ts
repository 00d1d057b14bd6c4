import { Buffer } from 'node:buffer';

const COMMANDS = [
  'CONNECT',
  'STOMP',
  'CONNECTED',
  'SEND',
  'SUBSCRIBE',
  'UNSUBSCRIBE',
  'ACK',
  'NACK',
  'BEGIN',
  'COMMIT',
  'ABORT',
  'DISCONNECT',
  'MESSAGE',
  'RECEIPT',
  'ERROR',
] as const;

/** The command of a STOMP frame. */
export type StompCommand = (typeof COMMANDS)[number];

/** Every command of STOMP 1.0 to 1.2. */
export const STOMP_COMMANDS: ReadonlySet<string> = new Set(COMMANDS);

const EMPTY: Buffer = Buffer.alloc(0);

/** One frame of STOMP: a command, headers in order, a body. */
export class StompFrame {
  readonly command: StompCommand;
  /** Names and values in their order; a name may occur again, and then the first one counts. */
  readonly headers: readonly (readonly [name: string, value: string])[];
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
