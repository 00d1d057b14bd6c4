import type { Directory } from './directory.ts';
import type { Inbox } from './inbox.ts';
import type { Wire } from './wire.ts';

/** The objects that the parts of a node share. */
export interface ClusterContext {
  readonly wire: Wire;
  readonly inbox: Inbox;
  readonly directory: Directory;
  /** Messages of other nodes that wait for members here, of all groups. */
  readonly waiting: { bytes: number };
}
