import { OptionError } from '../errors.ts';
import type { AcceptedOptions, ListenTarget } from './listen-target.ts';
import type { Listener } from './listener.ts';

/**
 * Makes a listener on the connections of the runtime.
 *
 * @param isRequired - whether listening fails if a connection would be a public socket
 */
export type NativeListen = (
  target: ListenTarget,
  options: AcceptedOptions,
  why: string,
  isRequired: boolean,
) => Listener;

/** The connections of a runtime below its public sockets: Node's handles, or Bun's sockets. */
export interface NativeSockets {
  readonly kind: 'handle' | 'bun';
  /** The runtime and its version, for a log. */
  readonly runtime: string;
  /** Returns true if this process runs on the runtime. */
  isHere(): boolean;
  /**
   * Returns the reason not to use the connections; `undefined` if there is none. The method avoids functions for
   * which the runtime could warn.
   */
  obstacle(): string | undefined;
  /** Sends bytes through two connections. Resolves with a function that makes listeners, or with the fault. */
  check(): Promise<NativeListen | string>;
}

/** Returns the error for a `bind` that requests an option that is not available. */
export function nativeRefused(kind: NativeSockets['kind'], why: string): OptionError {
  return new OptionError(
    'OPTION_CONFLICT',
    `bind: transport '${kind}' is not available: ${why}; leave the option out to take what is available`,
    { option: 'transport', why },
  );
}
