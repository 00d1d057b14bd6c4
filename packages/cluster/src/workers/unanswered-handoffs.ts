import type { ClusterMessage, ClusterWatcher } from './cluster-channel.ts';

/** A connection as Node hands it to a worker. */
interface ConnectionHandle {
  close(): void;
  /** TCP only. Returns what is not 0 if it cannot. */
  reset?(closed: () => void): number;
}

/**
 * The connections on their way to one worker. Node closes its own descriptor of a connection when the worker answers
 * that it has it; a worker that dies before never does. The primary then keeps the descriptor open for ever, and the
 * client waits for ever on a connection without a server: one for each killed worker that is busy accepting
 * (lib/internal/cluster/round_robin_handle.js, `handoff`; a relative of https://github.com/nodejs/node/issues/21746).
 *
 * Such connections are reset here, as are those that the worker had. Another worker does not get them: an answer may be
 * lost while the dead one had read from the connection already, and the client would be served twice.
 */
export class UnansweredHandoffs implements ClusterWatcher {
  private readonly handles = new Map<number, ConnectionHandle>();
  /** A runtime that shows us no messages of its workers would have every connection look unanswered. */
  private hearsWorker = false;

  get size(): number {
    return this.handles.size;
  }

  received({ ack }: ClusterMessage): void {
    this.hearsWorker = true;
    if (typeof ack === 'number') this.handles.delete(ack);
  }

  sent({ act, seq }: ClusterMessage, handle: unknown): void {
    const isHandoff = act === 'newconn' && typeof seq === 'number' && this.hearsWorker;
    if (isHandoff && isConnection(handle)) this.handles.set(seq, handle);
  }

  gone(): void {
    for (const handle of this.handles.values()) {
      const status = handle.reset?.(() => {}) ?? -1;
      if (status !== 0) handle.close();
    }
    this.handles.clear();
  }
}

function isConnection(handle: unknown): handle is ConnectionHandle {
  return typeof (handle as Partial<ConnectionHandle> | undefined)?.close === 'function';
}
