import { OptionError } from '../errors.ts';
import type { AcceptedOptions, ListenTarget } from './listen-target.ts';
import type { Listener } from './listener.ts';

/**
 * Makes a listener on them.
 *
 * @param isRequired - listening fails where a connection would be a public socket
 */
export type NativeListen = (
  target: ListenTarget,
  options: AcceptedOptions,
  why: string,
  isRequired: boolean,
) => Listener;

/** The connections that one runtime has below its public sockets: Node's handles, Bun's sockets. */
export interface NativeSockets {
  readonly kind: 'handle' | 'bun';
  /** The runtime and its version, for a log. */
  readonly runtime: string;
  /** True if this process runs on the runtime. */
  isHere(): boolean;
  /** The reason not to use them; `undefined` if there is none. Calls nothing that the runtime could warn of. */
  obstacle(): string | undefined;
  /** Sends bytes through two of them. Resolves with a maker of listeners, or with what is wrong. */
  check(): Promise<NativeListen | string>;
}

/** The error for a `bind` that asks for an option that is not available. */
export function nativeRefused(kind: NativeSockets['kind'], why: string): OptionError {
  return new OptionError(
    'OPTION_CONFLICT',
    `bind: transport '${kind}' is not available: ${why}; leave the option out to take what is available`,
    { option: 'transport', why },
  );
}
