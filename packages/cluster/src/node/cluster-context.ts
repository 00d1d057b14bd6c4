import type { Directory } from './directory.ts';
import type { Inbox } from './inbox.ts';
import type { Wire } from './wire.ts';

/** The objects that the parts of a node share. */
export interface ClusterContext {
  readonly wire: Wire;
  readonly inbox: Inbox;
  readonly directory: Directory;
  /** The size of messages from other nodes that wait for members of this node, in all groups. */
  readonly waiting: { bytes: number };
  /** Work that the node finishes before it leaves, after its servers have drained, within a time in milliseconds. */
  readonly lastWork: Set<(timeoutMs: number) => Promise<void>>;
}
