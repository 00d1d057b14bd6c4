import type { ChildProcess } from 'node:child_process';

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
