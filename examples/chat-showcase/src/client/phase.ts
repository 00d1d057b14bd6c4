/**
 * Why the link is down: an `ERR:` code of the server, or what the client noticed itself: `lost`, `silent` (no answer to a
 * heartbeat), `unreachable`, `restarting` (after `BYE`), `slow` (closed as a slow consumer).
 */
export type Cause = string;

/**
 * How the link is.
 *
 * ```text
 *   offline ─open()→ connecting ─AUTH_OK→ online ─BYE→ ending
 *      ↑                 ↑  │                │            │
 *    close()             │  └──── lost ──────┴────────────┤
 *   from anywhere        └─ after a while ── waiting ←────┘
 *
 *   ERR:KICKED → kicked, a refused name or token → refused: both stay until open() is called again
 * ```
 */
export type Phase =
  | { readonly name: 'offline' | 'connecting' | 'online' | 'ending' | 'kicked' }
  | { readonly name: 'waiting'; readonly delayMs: number; readonly because: Cause }
  | { readonly name: 'refused'; readonly because: Cause };

/** Another attempt would be refused again. */
export const FINAL_CODES: ReadonlySet<string> = new Set([
  'AUTH_FAILED',
  'EMPTY_CLIENT_ID',
  'BAD_CLIENT_ID',
]);

/** The server closes after these: there is nothing to wait for. */
export const CLOSING_CODES: ReadonlySet<string> = new Set([
  'UNAUTH',
  'AUTH_TIMEOUT',
  'IDLE_TIMEOUT',
  'TOO_LONG',
  'BAD_UTF8',
  'TOO_MANY',
]);

/** Every `ERR:` code that the protocol names. */
export const ERROR_CODES: readonly string[] = [
  ...FINAL_CODES,
  ...CLOSING_CODES,
  'ALREADY_AUTH',
  'KICKED',
];
