import { describeOptions, number, whole } from '@headrace/core/authoring';

/** Settings of TCP in the kernels of a simulation. The defaults are Linux's. */
export interface TcpSettings {
  /**
   * Maximum time without an acknowledgement of sent bytes, in milliseconds, before the connection breaks. The default is
   * `tcp_retries2` = 15, with pauses that double from 200 ms to 120 s.
   * @default 924600
   */
  readonly retransmissionTimeoutMs?: number;
  /** Maximum time of a connect without an answer, in milliseconds: `tcp_syn_retries` = 6. @default 127000 */
  readonly connectTimeoutMs?: number;
  /**
   * Maximum time that the kernel waits for the other end's FIN after a close, in milliseconds: `tcp_fin_timeout`.
   * @default 60000
   */
  readonly finTimeoutMs?: number;
  /**
   * Idle time before the first keepalive probe, in milliseconds, if the program sets none: `tcp_keepalive_time`.
   * @default 7200000
   */
  readonly keepAliveIdleMs?: number;
  /** Maximum number of connections that wait for a server to accept them: `somaxconn`, and Node's `backlog`. @default 511 */
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
