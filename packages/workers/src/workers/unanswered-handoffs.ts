import {
  type ClusterMessage,
  type ClusterWatcher,
  type ConnectionHandle,
  isConnection,
} from './cluster-channel.ts';

/**
 * The connections on their way to one worker. Node closes its own descriptor of a connection when the worker acknowledges the
 * connection. If the worker dies before, the primary keeps the descriptor open, and the client waits without end for a server.
 * One connection is lost in this way for each killed worker that is busy accepting (lib/internal/cluster/round_robin_handle.js,
 * `handoff`; related to https://github.com/nodejs/node/issues/21746).
 *
 * This class resets such connections, like those that the worker had. Another worker must not receive them: the dead worker may
 * have read from the connection although its answer was lost, and the client would be served twice.
 */
export class UnansweredHandoffs implements ClusterWatcher {
  private readonly handles = new Map<number, ConnectionHandle>();
  /**
   * Whether messages of the worker are visible. In a runtime that does not show such messages, every connection would look
   * unanswered.
   */
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
