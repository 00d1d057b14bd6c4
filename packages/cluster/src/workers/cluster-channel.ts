import type { ChildProcess } from 'node:child_process';

/** A message of `node:cluster` itself: https://github.com/nodejs/node/tree/main/lib/internal/cluster */
export interface ClusterMessage {
  /** `queryServer`, `close` from the worker; `newconn` to it. */
  readonly act?: unknown;
  /** The number of this message, from its sender. */
  readonly seq?: unknown;
  /** The number of the message that this one answers. */
  readonly ack?: unknown;
  /** The listening handle of the primary. */
  readonly key?: unknown;
}

/** Watches the messages of `node:cluster` in the primary. */
export interface ClusterWatcher {
  /** Before Node handles it: what the watcher changes in it, Node takes as changed. */
  received(message: ClusterMessage): void;
  sent(message: ClusterMessage, handle: unknown): void;
  /** The process that gets a connection in place of this one. */
  instead?(message: ClusterMessage): ChildProcess | undefined;
  /** The channel has ended, and Node hands no connections to this worker any more. Comes once. */
  gone(): void;
}

/**
 * Lets watchers see the messages of Node's primary and one worker about listening and connections, and repairs
 * the end of the channel: Node does not emit `disconnect` for a process that dies before it has acknowledged a handle
 * (the channel closes only when its queue of handles is empty, and nothing will empty it). If its `exit` came first,
 * the dead worker would stay in `cluster.workers` and among those that get connections.
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
    // Node's own event comes in a tick that was asked for before this one.
    process.nextTick(() => {
      if (!isGone && !child.connected && child.channel === null) child.emit('disconnect');
    });
  };
}

function isClusterMessage(message: unknown): message is ClusterMessage {
  return (message as { cmd?: unknown } | null | undefined)?.cmd === 'NODE_CLUSTER';
}
