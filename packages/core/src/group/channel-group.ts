import { inspect } from 'node:util';
import { unpinned } from '../bytes/pinned-memory.ts';
import { atOnce } from '../call/at-once.ts';
import { WatchedEmitter } from '../call/watched-emitter.ts';
import type { CloseReason } from '../contract/connection.ts';
import type { ChannelMatcher, Group } from '../contract/group.ts';
import type { Channel, WriteFuture } from '../contract.ts';
import { OptionError } from '../errors.ts';
import { flag } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { Broadcasts } from './broadcasts.ts';
import { ChannelMatchers } from './channel-matchers.ts';
import { checkMatcher, checkMember } from './group-argument.ts';
import { GroupFuture } from './group-future.ts';
import {
  SLOW_MEMBER_OPTIONS,
  type SlowMemberCounters,
  type SlowMemberOptions,
  SlowMembers,
} from './slow-member.ts';

/** The events of a `ChannelGroup`, with the arguments of their listeners. */
export interface ChannelGroupEvents {
  /** Emitted when a channel has become a member. */
  channelJoined: [channel: Channel];
  /** Emitted when a member has closed or was removed. */
  channelLeft: [channel: Channel];
}

/** Options of a {@link ChannelGroup}. */
export interface ChannelGroupOptions extends SlowMemberOptions {
  /**
   * Whether channels that are added after `close()` are closed at once, so that no connection escapes a shutdown. After a close
   * with a matcher, this applies to matching channels. @default false
   */
  readonly stayClosed?: boolean;
}

const OPTIONS = describeOptions(
  'ChannelGroup',
  { stayClosed: flag({ default: false }) },
  SLOW_MEMBER_OPTIONS,
);

let groups = 0;

/**
 * Open channels of this process, by identity. A channel that closes leaves the group by itself. A write is sent to every member,
 * and is encoded once where the encoders can share the result. A failure of one member does not affect the others.
 *
 * If a listener of the group's events throws or rejects, the channel of the event logs the error.
 *
 * @typeParam Message - messages to the members, for example `new ChannelGroup<string>('members')`; the compiler
 *   checks writes to the group, but not added channels, because it knows the types of a pipeline only where the pipeline is
 *   built
 * @see Netty's `ChannelGroup`
 */
export class ChannelGroup<Message = unknown>
  extends WatchedEmitter<ChannelGroupEvents>
  implements Group<Message>
{
  readonly name: string;
  private readonly stayClosed: boolean;
  private readonly slow: SlowMembers;
  private readonly broadcasts = new Broadcasts();
  private readonly servers = new Set<Channel>();
  private readonly others = new Set<Channel>();
  /** Cached list of the members that are not servers. It is discarded when the members change. */
  private snapshot: readonly Channel[] | undefined;
  /** Matchers of the `close()` calls so far, if the group stays closed. */
  private readonly closedFor = new Set<ChannelMatcher>();
  private readonly onMemberClosed = (channel: Channel): void => {
    this.snapshot = undefined;
    if (!this.setOf(channel).delete(channel)) return;
    this.slow.forget(channel);
    this.emit('channelLeft', channel);
  };

  constructor(name?: string, options: ChannelGroupOptions = {}) {
    super();
    if (name !== undefined && typeof name !== 'string') throw notName(name);
    this.stayClosed = OPTIONS.resolve(options).stayClosed;
    groups += 1;
    this.name = name ?? `group-0x${groups.toString(16)}`;
    this.slow = new SlowMembers(options);
  }

  get size(): number {
    return this.servers.size + this.others.size;
  }

  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** Counters of slow members since the creation of the group. */
  get slowMembers(): Readonly<SlowMemberCounters> {
    return this.slow.counters;
  }

  /**
   * Number of broadcasts that wait, because the group is large or the broadcasts are frequent. Above some thousands, a further
   * broadcast fails. A handler that broadcasts the messages of a peer should stop reading long before that, and continue with
   * {@link onceDrained}, as the BroadcastHandler does.
   */
  get backlog(): number {
    return this.broadcasts.size;
  }

  /**
   * Calls `listener` once when the present broadcasts are complete, or at once if none waits. Later broadcasts can be waiting
   * then.
   */
  onceDrained(listener: () => void): void {
    this.broadcasts.onceDrained(listener);
  }

  /**
   * Adds a channel. Returns true if the channel was not a member yet. A closed channel is not added.
   *
   * @throws TypeError for a value that is not a channel
   */
  add(channel: Channel): boolean {
    checkMember('add', channel);
    this.snapshot = undefined;
    const members = this.setOf(channel);
    if (members.has(channel) || !channel.isOpen) return false;
    if (this.staysClosedFor(channel)) {
      channel.close('shutdown');
      return false;
    }
    members.add(channel);
    channel.onClosed(this.onMemberClosed);
    this.emit('channelJoined', channel);
    return true;
  }

  /** Removes a channel, which stays open. Returns true if the channel was a member. */
  remove(channel: Channel | string): boolean {
    if (typeof channel !== 'string') checkMember('remove', channel);
    const member = typeof channel === 'string' ? this.find(channel) : channel;
    this.snapshot = undefined;
    if (member === undefined || !this.setOf(member).delete(member)) return false;
    member.offClosed(this.onMemberClosed);
    this.slow.forget(member);
    this.emit('channelLeft', member);
    return true;
  }

  /** Removes all members, which stay open. */
  clear(): void {
    for (const channel of this.members()) this.remove(channel);
  }

  has(channel: Channel): boolean {
    checkMember('has', channel);
    return this.setOf(channel).has(channel);
  }

  /** Returns the member with this id. The search takes time linear in the size of the group. */
  find(id: string): Channel | undefined {
    for (const channel of this) if (channel.id === id) return channel;
    return undefined;
  }

  /** Iterates over the members, listening channels first. Members can join and leave meanwhile. */
  *[Symbol.iterator](): Iterator<Channel> {
    yield* this.servers;
    yield* this.others;
  }

  /**
   * Queues a message for the matching members, except listening channels. The option `slowMember` determines the messages that
   * slow members receive. A large group is written to in slices, so that other connections are served meanwhile. Every member
   * still receives all broadcasts in order.
   */
  write(message: Message, matcher?: ChannelMatcher): GroupFuture {
    return this.send(message, matcher, false);
  }

  /** Flushes the matching members after the waiting broadcasts, except listening channels. */
  flush(matcher: ChannelMatcher = ChannelMatchers.all): void {
    this.broadcasts.flush(this.receivers(matcher));
  }

  /** Sends a message to the matching members, as {@link write} does, and flushes them. */
  writeAndFlush(message: Message, matcher?: ChannelMatcher): GroupFuture {
    return this.send(message, matcher, true);
  }

  /** Closes the matching members, listening channels first. */
  close(reason: CloseReason = 'local', matcher: ChannelMatcher = ChannelMatchers.all): GroupFuture {
    const channels = chosenOf(this, matcher);
    if (this.stayClosed) this.closedFor.add(matcher);
    const future = new GroupFuture(channels);
    for (const channel of channels) future.add(channel.close(reason));
    return future;
  }

  /** Resolves when all channels that match now have closed. */
  async newCloseFuture(matcher: ChannelMatcher = ChannelMatchers.all): Promise<void> {
    await Promise.all(chosenOf(this, matcher).map((channel) => channel.closed));
  }

  override toString(): string {
    return `ChannelGroup(name: ${this.name}, size: ${this.size})`;
  }

  [inspect.custom](): string {
    return this.toString();
  }

  protected override listenerFailed(event: string, args: readonly unknown[], error: Error): void {
    const channel = args[0] as Channel;
    channel.logger.log('error', `${channel} a listener of ${this.name}’s ${event} threw`, error);
  }

  /** Returns a snapshot of the members. */
  members(): Channel[] {
    return [...this];
  }

  private send(message: Message, matcher: ChannelMatcher | undefined, flush: boolean): GroupFuture {
    if (message === undefined || message === null) {
      throw new TypeError(`write(${String(message)}): a message cannot be null or undefined`);
    }
    // Some members can be slow. The message is copied once here, and not for each of them.
    const own = unpinned(message);
    const write = (channel: Channel): WriteFuture => this.slow.write(channel, own);
    return this.broadcasts.run(this.receivers(matcher), flush, write, own);
  }

  /** Returns the chosen members. All broadcasts to the same members share one snapshot. */
  private receivers(matcher: ChannelMatcher | undefined): readonly Channel[] {
    if (matcher !== undefined && matcher !== ChannelMatchers.all) {
      return chosenOf(this.others, matcher);
    }
    this.snapshot ??= [...this.others];
    return this.snapshot;
  }

  private staysClosedFor(channel: Channel): boolean {
    for (const matches of this.closedFor) if (atOnce('matcher', matches(channel))) return true;
    return false;
  }

  private setOf(channel: Channel): Set<Channel> {
    return channel.isServer ? this.servers : this.others;
  }
}

function notName(given: unknown): OptionError {
  const what = typeof given === 'object' && given !== null ? 'an object' : String(given);
  return new OptionError(
    'OPTION_INVALID',
    `the name of a ChannelGroup is a text, but got ${what}; options come second: ` +
      'new ChannelGroup(undefined, { … })',
    { option: 'name' },
  );
}

/** Returns a snapshot of the matching members, because members join and leave while an operation runs. */
function chosenOf(
  members: Iterable<Channel> & Pick<ReadonlySet<Channel>, 'has'>,
  matcher: ChannelMatcher | undefined,
): Channel[] {
  if (matcher === undefined) return [...members];
  checkMatcher(matcher);
  const chosen: Channel[] = [];
  const { only } = matcher;
  for (const channel of only ?? members) {
    if (only !== undefined && !members.has(channel)) continue;
    if (atOnce('matcher', matcher(channel))) chosen.push(channel);
  }
  return chosen;
}
