import { describeOptions, number, whole } from '@headrace/core/authoring';

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

const OPTIONS = describeOptions('tcp', {
  retransmissionTimeoutMs: number({ min: 1, default: 924_600 }),
  connectTimeoutMs: number({ min: 1, default: 127_000 }),
  finTimeoutMs: number({ min: 1, default: 60_000 }),
  keepAliveIdleMs: number({ min: 1, default: 7_200_000 }),
  backlog: whole({ min: 1, default: 511 }),
});

export type ResolvedTcpSettings = Required<TcpSettings>;

export function resolveTcpSettings(settings: TcpSettings): ResolvedTcpSettings {
  return OPTIONS.resolve(settings);
}
