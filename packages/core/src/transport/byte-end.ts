import type { Buffer } from 'node:buffer';
import type { Address, CloseInfo } from '../contract.ts';

/** The program's side of an end: it looks at the end when it is woken. */
export interface EndUser {
  /** Something has changed at the end. */
  wake(): void;
}

/** One end of a connection within this process, as the kernel has it. */
export interface ByteEnd {
  /** The address of this end. */
  readonly local: Address;
  /** The address of the other end. */
  readonly remote: Address;
  /** Woken when something has changed; `undefined` once the program has closed the end. */
  user: EndUser | undefined;
  /** It is connected. */
  readonly isOpen: boolean;
  /** The kernel has no connection any more. */
  readonly isGone: boolean;
  /** Why it broke. */
  error: Error | undefined;
  /**
   * Set with `error` if the end is over because of what carries it: the channel closes for this reason, without an error
   * of its own. Bytes that have arrived are read first. @default none
   */
  readonly closeInfo?: CloseInfo | undefined;
  /** Bytes that `send` takes now. */
  readonly room: number;
  /** Bytes that `take` returns. */
  readonly unreadBytes: number;
  /** The other end has sent all. */
  readonly hasInputEnded: boolean;
  /** Bytes that were sent and that the other end has not acknowledged. */
  readonly unacknowledgedBytes: number;
  /** Takes a chunk, which is not changed any more. */
  send(chunk: Buffer): void;
  /** Takes the bytes that have arrived, in one piece. */
  take(): Buffer | undefined;
  /** No more is sent. */
  finish(): void;
  /** The program closes it: a reset if it has not read all. */
  close(): void;
  /** Resets the connection; bytes that the other end has not taken may be lost. */
  reset(): void;
}
