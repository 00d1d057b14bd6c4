import type { ChildProcess } from 'node:child_process';

// The door to `node:cluster`: all that is used of it beyond its documentation. A test runs a cluster under each Node and names what
// is missing.
/** A message of `node:cluster` itself: https://github.com/nodejs/node/tree/main/lib/internal/cluster */
export interface ClusterMessage {
  /** `queryServer` or `close` from the worker; `newconn` to the worker. */
  readonly act?: unknown;
  /** The sender's number for this message. */
  readonly seq?: unknown;
  /** The number of the message that this message answers. */
  readonly ack?: unknown;
  /** The listening handle of the primary. */
  readonly key?: unknown;
}

/** A worker's request to listen, `queryServer`. */
export interface ListenQuestion extends ClusterMessage {
  readonly address: unknown;
  /** 4 or 6, or a text for UDP. */
  readonly addressType: unknown;
  readonly fd: unknown;
  /** The number among the servers of one worker that listen in the same way. */
  readonly index: unknown;
  port: unknown;
}

/** The answer to a {@link ListenQuestion}. */
export interface ListenAnswer extends ClusterMessage {
  readonly errno?: unknown;
  readonly sockname?: { readonly port?: unknown };
}

/** A connection that Node passes to a worker with `newconn`. */
export interface ConnectionHandle {
  close(): void;
  /** TCP only. Returns a value other than 0 on failure. */
  reset?(closed: () => void): number;
}

/** Watches the messages of `node:cluster` in the primary. */
export interface ClusterWatcher {
  /** Called before Node handles the message. Node sees the changes that the watcher makes. */
  received(message: ClusterMessage): void;
  sent(message: ClusterMessage, handle: unknown): void;
  /** Returns the process that receives a connection in place of this process. */
  instead?(message: ClusterMessage): ChildProcess | undefined;
  /** Called once when the channel has ended, and Node assigns no connections to this worker any more. */
  gone(): void;
}

/**
 * Lets watchers see the messages between Node's primary and one worker about listening and connections. The function also repairs
 * the end of the channel. Node does not emit `disconnect` for a process that ends before it has acknowledged a handle, because
 * the channel closes only when its queue of handles is empty. If `exit` is emitted first, the dead worker stays in
 * `cluster.workers`, and still receives connections.
 */
export function watchClusterChannel(
  child: ChildProcess,
  watchers: readonly ClusterWatcher[],
): void {
  child.prependListener('internalMessage', (message: unknown) => {
    if (!isClusterMessage(message)) return;
    for (const watcher of watchers) watcher.received(message);
  });
  const { send, disconnect } = child;
  child.send = (...args: unknown[]): boolean => {
    const [message, handle] = args;
    if (isClusterMessage(message)) {
      for (const watcher of watchers) {
        const other = watcher.instead?.(message);
        if (other !== undefined) return Reflect.apply(other.send, other, args) as boolean;
      }
      for (const watcher of watchers) watcher.sent(message, handle);
    }
    return Reflect.apply(send, child, args) as boolean;
  };
  let isGone = false;
  child.once('disconnect', () => {
    isGone = true;
    for (const watcher of watchers) watcher.gone();
  });
  // Called by the user, and by Node at the end of the channel.
  child.disconnect = () => {
    disconnect.call(child);
    // Node's own event is emitted in an earlier tick.
    process.nextTick(() => {
      if (!isGone && !child.connected && child.channel === null) child.emit('disconnect');
    });
  };
}

function isClusterMessage(message: unknown): message is ClusterMessage {
  return (message as { cmd?: unknown } | null | undefined)?.cmd === 'NODE_CLUSTER';
}

export function isConnection(handle: unknown): handle is ConnectionHandle {
  return typeof (handle as Partial<ConnectionHandle> | undefined)?.close === 'function';
}

/** Answers for a worker, which receives its next connection only after the answer about the last one. */
export function acknowledgeFor(child: ChildProcess, ack: unknown): void {
  child.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack, accepted: true });
}
