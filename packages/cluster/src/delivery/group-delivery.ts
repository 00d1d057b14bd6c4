import type { ChannelGroup, ChannelMatcher, GroupOutcome } from '@headrace/core';
import type { PublishOutcome } from '../bus/bus.ts';
import type { LogPosition } from '../log/log.ts';
import type { Gap } from './gap-event.ts';

/** How the messages of a group reach its members on all nodes: over the bus, or through the log. */
export interface GroupDelivery<Message> {
  /** Messages of this node that are not delivered here yet. */
  readonly waiting: number;
  readonly counters: ClusterGroupCounters;
  /** Calls back once nothing is {@link waiting}; at once if nothing is now. */
  onceSettled(listener: () => void): void;
  /**
   * @param id - of the message, where it is stored
   * @param isFlushed - sends it and what was written before
   * @throws OptionError for a matcher that does not say what it means `elsewhere`, and for an id that is not valid
   * @throws EncodeError if it cannot reach other nodes
   */
  write(
    message: Message,
    matcher: ChannelMatcher | undefined,
    id: string | undefined,
    isFlushed: boolean,
  ): GroupOutcome;
  /** Sends what was written to members of other nodes. */
  flush(): void;
  /** A member was added on this node. */
  memberCame(): void;
  /** A member of this node is gone. */
  memberWent(): void;
  /**
   * The group, which has no members here, is freed: nothing is kept for it. False while something that was written waits
   * for a flush. Absent where a group is never freed.
   */
  free?(): boolean;
  /** The cluster is left. */
  leave(): void;
}

/** The group on this node, as its {@link GroupDelivery} sees it. */
export interface DeliveryGroup {
  readonly name: string;
  /** The members of this node. */
  readonly local: ChannelGroup<unknown>;
  /** Flushes the members of this node, once for everything that comes together. */
  flushSoon(): void;
  gap(gap: Gap): void;
  skipped(from: LogPosition, to: LogPosition): void;
}

/** Counts of a `ClusterGroup` since it was made. */
export interface ClusterGroupCounters {
  /**
   * Messages to other nodes, by what the bus did with them. For a durable group, all messages that this node wrote:
   * `sent` counts those stored, `dropped` those not stored, as far as this node knows.
   */
  readonly published: Readonly<Record<PublishOutcome, number>>;
  /** Messages of other nodes that arrived; for a durable group, messages of all nodes that were delivered here. */
  readonly received: number;
  /** Messages of other nodes that did not arrive, as far as this node knows, or arrived faster than members can be sent them. */
  readonly lost: number;
}
