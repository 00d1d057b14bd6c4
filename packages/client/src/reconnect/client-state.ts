import type { Loss } from './loss.ts';

/** The state of a {@link ReconnectingClient}, with the fields of each state. */
export type ClientState<P = unknown, C = unknown> =
  | { readonly name: 'idle' }
  | {
      readonly name: 'connecting';
      /** `undefined` while the function `addresses` is running. */
      readonly place: P | undefined;
      /** Number of the try, counted from 1 since the last loss of a stable connection. */
      readonly attempt: number;
    }
  | { readonly name: 'readying'; readonly place: P; readonly attempt: number }
  | { readonly name: 'online'; readonly place: P; readonly channel: C }
  | { readonly name: 'waiting'; readonly loss: Loss<P>; readonly delayMs: number }
  | {
      readonly name: 'closed';
      /** `local` after `close()`, `aborted` after the signal, `given-up` if the client has stopped retrying. */
      readonly reason: 'local' | 'aborted' | 'given-up';
      /** `undefined` after `close()`. */
      readonly error: Error | undefined;
    };
