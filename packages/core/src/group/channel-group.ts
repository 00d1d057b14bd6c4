import { inspect } from 'node:util';
import { unpinned } from '../bytes/pinned-memory.ts';
import { atOnce } from '../call/at-once.ts';
import { WatchedEmitter } from '../call/watched-emitter.ts';
import type { Channel, ChannelMatcher, CloseReason, Group } from '../contract.ts';
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
  /** A channel became a member. */
  channelJoined: [channel: Channel];
  /** A member closed or was removed. */
  channelLeft: [channel: Channel];
}

/** Options of a {@link ChannelGroup}. */
export interface ChannelGroupOptions extends SlowMemberOptions {
  /**
   * After `close()`, close whatever is added later at once: no connection slips through a shutdown. After a
   * close with a matcher, this holds for channels that match. @default false
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
 * Open channels of this process, by identity. A channel that closes leaves by itself. A write goes to every member, is
 * encoded once where the encoders can share, and one member's failure does not touch the others.
 *
 * A throw or rejection of a listener of its events is logged by the channel that the event concerns.
 *
 * @typeParam Message - the messages to the members, `new ChannelGroup<string>('members')`. The type
 *   is checked where the group is written to, not where a channel is added: the messages that a
 *   member's pipeline accepts are known only where that pipeline is built.
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
  /** The members that are not servers, until one comes or goes. */
  private snapshot: readonly Channel[] | undefined;
  /** The members that `close()` chose, if the group stays closed. */
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

  /** True if it has no member. */
  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** The counters of slow members so far. */
  get slowMembers(): Readonly<SlowMemberCounters> {
    return this.slow.counters;
  }

  /**
   * Broadcasts that wait for their turn, because the group is large or they come fast. Past some thousands a
   * further one fails. A handler that broadcasts what a peer sends should stop reading long before that, and go on
   * with {@link onceDrained}, as the BroadcastHandler does.
   */
  get backlog(): number {
    return this.broadcasts.size;
  }

  /** Calls back once the broadcasts that wait now are complete; at once if none waits. Later ones may wait by then. */
  onceDrained(listener: () => void): void {
    this.broadcasts.onceDrained(listener);
  }

  /**
   * True if the channel was not a member yet. A closed channel is not taken.
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

  /** True if it was a member. */
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

  /** Removes all members; they stay open. */
  clear(): void {
    for (const channel of this.members()) this.remove(channel);
  }

  has(channel: Channel): boolean {
    checkMember('has', channel);
    return this.setOf(channel).has(channel);
  }

  /** The member with this id; it looks at one after the other. */
  find(id: string): Channel | undefined {
    for (const channel of this) if (channel.id === id) return channel;
    return undefined;
  }

  /** Listening channels first; members may come and go meanwhile. */
  *[Symbol.iterator](): Iterator<Channel> {
    yield* this.servers;
    yield* this.others;
  }

  /**
   * Queues a message for the matching members; listening channels are left out. The option
   * `slowMember` decides what slow members get. A large group is written to in slices, so that
   * other connections are served meanwhile; every member still sees all broadcasts in order.
   */
  write(message: Message, matcher?: ChannelMatcher): GroupFuture {
    return this.send(message, matcher, false);
  }

  /** Flushes the matching members, after the broadcasts that wait; listening channels are left out. */
  flush(matcher: ChannelMatcher = ChannelMatchers.all): void {
    this.broadcasts.flush(this.receivers(matcher));
  }

  /** Sends a message to the matching members, as {@link write} does. */
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

  /** The members, a snapshot. */
  members(): Channel[] {
    return [...this];
  }

  private send(message: Message, matcher: ChannelMatcher | undefined, flush: boolean): GroupFuture {
    if (message === undefined || message === null) {
      throw new TypeError(`write(${String(message)}): a message cannot be null or undefined`);
    }
    // Some members may be slow: copied once, it is not copied for each of them.
    const own = unpinned(message);
    return this.broadcasts.run(this.receivers(matcher), flush, (channel) =>
      this.slow.write(channel, own),
    );
  }

  /** All broadcasts to the same members share one snapshot. */
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

/** A snapshot of those that match: members come and go while an operation runs. */
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
