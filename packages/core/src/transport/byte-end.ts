import type { Buffer } from 'node:buffer';
import type { Address, CloseInfo } from '../contract/connection.ts';

/** The program that uses an end. The program checks the end after each call of `wake`. */
export interface EndUser {
  /** Called when the state of the end has changed. */
  wake(): void;
}

/** One end of a connection within this process, as the kernel has it. */
export interface ByteEnd {
  readonly local: Address | undefined;
  readonly remote: Address | undefined;
  /** Program that is woken when the state of the end has changed; `undefined` after the program has closed the end. */
  user: EndUser | undefined;
  readonly isOpen: boolean;
  /** Whether the kernel no longer has the connection. */
  readonly isGone: boolean;
  /** Error that broke the connection. */
  error: Error | undefined;
  /**
   * Whether the error is also reported while the program neither reads nor writes. Bytes that have arrived are read first.
   * @default false, as in a kernel
   */
  readonly reportsError?: boolean;
  /**
   * Reason with which the channel closes, without an error of its own. The field is set, together with `error`, if
   * the connection that carries the end has ended. Bytes that have arrived are read first.
   * @default none
   */
  readonly closeInfo?: CloseInfo | undefined;
  /** Number of bytes that `send` accepts now. */
  readonly room: number;
  /** Number of bytes that `take` returns. */
  readonly unreadBytes: number;
  /** Whether the other end has finished sending. */
  readonly hasInputEnded: boolean;
  /** Number of sent bytes that the other end has not acknowledged; `undefined` if the end does not know. */
  readonly unacknowledgedBytes: number | undefined;
  /** Sends a chunk. The caller must not change the chunk afterwards. */
  send(chunk: Buffer): void;
  /** Returns the bytes that have arrived, in one piece. */
  take(): Buffer | undefined;
  /** Ends the sending. */
  finish(): void;
  /** Closes the end. If the program has not read all bytes, the connection is reset. */
  close(): void;
  /**
   * Resets the connection.
   *
   * @param isAfterOutput - whether the bytes that `send` has accepted are sent before the reset, as after `close`, because a close
   * has cut the rest of the output. Without it, and in a kernel, they may be lost.
   * @default false
   */
  reset(isAfterOutput?: boolean): void;
}
