import type { KnownOptions } from '../../internal/known-options.ts';
import { checkOptions } from '../../internal/known-options.ts';
import { checkNumber } from '../../internal/option-check.ts';

/** How the kernels of a simulation do TCP. The defaults are Linux's. */
export interface TcpSettings {
  /**
   * How long what was sent may stay without acknowledgement before the connection breaks: `tcp_retries2` = 15, with
   * pauses that double from 200 ms to 120 s. @default 924600
   */
  readonly retransmissionTimeoutMs?: number;
  /** How long a connect is repeated without an answer: `tcp_syn_retries` = 6. @default 127000 */
  readonly connectTimeoutMs?: number;
  /** How long the kernel waits for the other end's FIN after a close: `tcp_fin_timeout`. @default 60000 */
  readonly finTimeoutMs?: number;
  /** Idle time before the first keepalive probe, where the program sets none: `tcp_keepalive_time`. @default 7200000 */
  readonly keepAliveIdleMs?: number;
  /** Connections that wait for a server to accept them: `somaxconn`, and Node's `backlog`. @default 511 */
  readonly backlog?: number;
}

const OPTIONS: KnownOptions<TcpSettings> = {
  retransmissionTimeoutMs: true,
  connectTimeoutMs: true,
  finTimeoutMs: true,
  keepAliveIdleMs: true,
  backlog: true,
};

export type ResolvedTcpSettings = Required<TcpSettings>;

const DEFAULTS: ResolvedTcpSettings = {
  retransmissionTimeoutMs: 924_600,
  connectTimeoutMs: 127_000,
  finTimeoutMs: 60_000,
  keepAliveIdleMs: 7_200_000,
  backlog: 511,
};

export function resolveTcpSettings(settings: TcpSettings): ResolvedTcpSettings {
  checkOptions('tcp', settings, OPTIONS);
  const resolved = { ...DEFAULTS, ...settings };
  for (const [name, value] of Object.entries(resolved)) {
    checkNumber(name, value, { min: 1, integer: name === 'backlog' });
  }
  return resolved;
}
