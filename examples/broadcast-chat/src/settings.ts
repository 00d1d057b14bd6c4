import { token } from '@headrace/inject';

export interface ChatSettings {
  /** A connection from which no complete message came for this long is closed. */
  readonly readerIdleSeconds: number;
  /** A connection that has not signed in by then is closed. */
  readonly authSeconds: number;
  /** A member for which more bytes than this wait is closed as a slow consumer. */
  readonly maxOutboundBytes: number;
  /** The token of each id. Without tokens every id may sign in. */
  readonly tokens?: Readonly<Record<string, string>> | undefined;
}

export const DEFAULT_SETTINGS: ChatSettings = {
  readerIdleSeconds: 120,
  authSeconds: 10,
  maxOutboundBytes: 1024 * 1024,
};

export const SETTINGS = token<ChatSettings>('settings');

/** The time for the sign-in, in milliseconds, from the moment at which the pipeline is built. */
export const AUTH_TIMEOUT_MS = token<number>('authTimeoutMs');
