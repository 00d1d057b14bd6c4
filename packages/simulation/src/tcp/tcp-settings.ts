import { describeOptions, number, whole } from '@headrace/core/authoring';

/** Settings of TCP in the kernels of a simulation. The defaults are Linux's. */
export interface TcpSettings {
  /** Maximum time of a connect without an answer, in milliseconds: `tcp_syn_retries` = 6. @default 127000 */
  readonly connectTimeoutMs?: number;
  /** Maximum number of connections that wait for a server to accept them: `somaxconn`, and Node's `backlog`. @default 511 */
  readonly backlog?: number;
}

/**
 * Maximum time without an acknowledgement of sent bytes before a connection breaks: `tcp_retries2` = 15, with pauses that double
 * from 200 ms to 120 s.
 */
export const RETRANSMISSION_TIMEOUT_MS = 924_600;
/** Maximum time that a kernel waits for the other end's FIN after a close: `tcp_fin_timeout`. */
export const FIN_TIMEOUT_MS = 60_000;
/** Idle time before the first keepalive probe, if the program sets none: `tcp_keepalive_time`. */
export const KEEP_ALIVE_IDLE_MS = 7_200_000;

const OPTIONS = describeOptions('tcp', {
  connectTimeoutMs: number({ min: 1, default: 127_000 }),
  backlog: whole({ min: 1, default: 511 }),
});

export type ResolvedTcpSettings = Required<TcpSettings>;

export function resolveTcpSettings(settings: TcpSettings): ResolvedTcpSettings {
  return OPTIONS.resolve(settings);
}
