import type { PublishOutcome } from '@headrace/bus';
import type { GroupPosition } from '@headrace/client';
import type { ChannelGroup, ChannelMatcher, GroupOutcome } from '@headrace/core';
import type { Gap } from './gap-event.ts';

/** Delivers the messages of a group to its members on all nodes, over the bus or through the log. */
export interface GroupDelivery<Message> {
  /** The number of messages of this node that are not delivered on this node yet. */
  readonly waiting: number;
  readonly counters: ClusterGroupCounters;
  /** Calls the listener once no message is {@link waiting}, or at once if none is waiting now. */
  onceSettled(listener: () => void): void;
  /**
   * @param id - the id of the message, if the message is stored
   * @param isFlushed - whether to send this message and the messages written before
   * @throws OptionError for a matcher without `elsewhere`, and for an id that is not valid
   * @throws EncodeError if the message cannot be sent to other nodes
   */
  write(
    message: Message,
    matcher: ChannelMatcher | undefined,
    id: string | undefined,
    isFlushed: boolean,
  ): GroupOutcome;
  /** Sends the written messages to the members of other nodes. */
  flush(): void;
  memberCame(): void;
  memberWent(): void;
  /**
   * Frees a group without members on this node. Returns false while a written message waits for a flush. Absent if groups are
   * never freed.
   */
  free?(): boolean;
  /** Called when the node leaves the cluster. */
  leave(): void;
}

/** The group on this node, as its {@link GroupDelivery} uses it. */
export interface DeliveryGroup {
  readonly name: string;
  readonly local: ChannelGroup<unknown>;
  /** Flushes the members of this node once for all messages that arrive together. */
  flushSoon(): void;
  gap(gap: Gap): void;
  skipped(from: GroupPosition, to: GroupPosition): void;
}

/** Counts of a `ClusterGroup` since it was made. */
export interface ClusterGroupCounters {
  /**
   * Number of messages to other nodes, by outcome. In a durable group, `sent` counts the stored messages of this node, and
   * `dropped` the messages that were not stored, as far as known.
   */
  readonly published: Readonly<Record<PublishOutcome, number>>;
  /** Number of messages from other nodes that arrived; in a durable group, of messages of all nodes that were delivered here. */
  readonly received: number;
  /**
   * Number of messages from other nodes that did not arrive, as far as known, or that arrived faster than members accept them.
   */
  readonly lost: number;
}
