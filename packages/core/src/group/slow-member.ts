import type { Channel, WriteFuture } from '../contract.ts';
import { ChannelError, OptionError } from '../errors.ts';
import { checkNumber } from '../internal/option-check.ts';
import { SettableFuture } from '../internal/settable-future.ts';

/**
 * What a group does with a message for a member whose output is full (`isWritable` is false):
 *
 * - `close`: write it all the same; the member is closed once more than `maxMemberBytes` wait.
 * - `drop-newest`: the member does not get it.
 * - `drop-oldest`: it waits; of more than `maxMemberMessages` the oldest are dropped.
 * - `coalesce`: it waits, and replaces a waiting one of the same key: the member gets the latest of each.
 */
export type SlowMemberPolicy = 'close' | 'drop-newest' | 'drop-oldest' | 'coalesce';

/** The part of a group's options that is about slow members. */
export interface SlowMemberOptions {
  /** @default 'close' */
  readonly slowMember?: SlowMemberPolicy;
  /** For `close`: what may wait for one member, in bytes. @default 1048576 */
  readonly maxMemberBytes?: number;
  /** For `drop-oldest` and `coalesce`: how many messages (or keys) may wait for one member. @default 256 */
  readonly maxMemberMessages?: number;
  /** For `coalesce`: which messages replace each other. Required there. */
  readonly coalesceKey?: (message: unknown) => unknown;
}

/** How often each thing happened to slow members since the group was made. */
export interface SlowMemberCounters {
  closed: number;
  droppedNewest: number;
  droppedOldest: number;
  coalesced: number;
}

const DEFAULTS = {
  slowMember: 'close',
  maxMemberBytes: 1024 * 1024,
  maxMemberMessages: 256,
} as const;

interface Waiting {
  message: unknown;
  readonly future: SettableFuture;
}

/** The group's policy at work: writes to members, and keeps what waits for the slow ones. */
export class SlowMembers {
  readonly counters: SlowMemberCounters = {
    closed: 0,
    droppedNewest: 0,
    droppedOldest: 0,
    coalesced: 0,
  };
  private readonly policy: SlowMemberPolicy;
  private readonly maxBytes: number;
  private readonly maxMessages: number;
  private readonly keyOf: (message: unknown) => unknown;
  private readonly waiting = new Map<Channel, Map<unknown, Waiting>>();

  constructor(options: SlowMemberOptions) {
    this.policy = options.slowMember ?? DEFAULTS.slowMember;
    const { maxMemberBytes = DEFAULTS.maxMemberBytes } = options;
    const { maxMemberMessages = DEFAULTS.maxMemberMessages } = options;
    this.maxBytes = checkNumber('maxMemberBytes', maxMemberBytes, { min: 1 });
    this.maxMessages = checkNumber('maxMemberMessages', maxMemberMessages, { min: 1 });
    if (this.policy === 'coalesce' && options.coalesceKey === undefined) {
      throw new OptionError(
        'OPTION_CONFLICT',
        "slowMember 'coalesce' needs coalesceKey: which messages replace each other?",
        { option: 'coalesceKey' },
      );
    }
    // Without a key every message is its own.
    this.keyOf = this.policy === 'coalesce' ? options.coalesceKey! : () => Symbol();
  }

  /** Writes to one member, as far as the policy lets it; the flush follows. */
  write(channel: Channel, message: unknown): WriteFuture {
    if (this.waiting.size > 0 && this.waiting.has(channel)) return this.hold(channel, message);
    // A buffer that is full because nobody has flushed it is no sign of a slow member.
    if (!channel.isWritable) channel.flush();
    if (channel.isWritable || !channel.isOpen) return channel.write(message);
    if (this.policy === 'close') return this.writeOrClose(channel, message);
    if (this.policy === 'drop-newest') {
      this.counters.droppedNewest += 1;
      return dropped('the member reads too slowly, this message was dropped for it');
    }
    return this.hold(channel, message);
  }

  /** A member has left: what waits for it fails. */
  forget(channel: Channel): void {
    const queue = this.waiting.get(channel);
    if (queue === undefined) return;
    this.waiting.delete(channel);
    for (const { future } of queue.values())
      future.fail(droppedError('the member has left the group'));
  }

  private writeOrClose(channel: Channel, message: unknown): WriteFuture {
    if (channel.pendingOutboundBytes <= this.maxBytes) return channel.write(message);
    this.counters.closed += 1;
    channel.close('slow-consumer');
    return dropped(`more than ${this.maxBytes} bytes wait for the member; it was closed`);
  }

  private hold(channel: Channel, message: unknown): WriteFuture {
    let queue = this.waiting.get(channel);
    if (queue === undefined) {
      queue = new Map();
      this.waiting.set(channel, queue);
      channel.onceWritable(() => this.resume(channel));
    }
    const key = this.keyOf(message);
    const replaced = queue.get(key);
    if (replaced !== undefined) {
      this.counters.coalesced += 1;
      replaced.future.fail(droppedError('a newer message of the same key replaced it'));
      queue.delete(key);
    } else if (queue.size >= this.maxMessages) this.dropOldest(queue);
    const future = new SettableFuture();
    queue.set(key, { message, future });
    return future;
  }

  private dropOldest(queue: Map<unknown, Waiting>): void {
    const [key, oldest] = queue.entries().next().value!;
    queue.delete(key);
    this.counters.droppedOldest += 1;
    oldest.future.fail(droppedError('newer messages wait for the member, the oldest was dropped'));
  }

  /** The member is writable again: it gets what waited, as much as it takes. */
  private resume(channel: Channel): void {
    const queue = this.waiting.get(channel);
    if (queue === undefined) return;
    for (const [key, { message, future }] of queue) {
      if (!channel.isWritable && channel.isOpen) {
        channel.onceWritable(() => this.resume(channel));
        return;
      }
      queue.delete(key);
      channel.writeAndFlush(message).onSettled((error) => {
        if (error === undefined) future.succeed();
        else future.fail(error);
      });
    }
    this.waiting.delete(channel);
  }
}

function dropped(why: string): WriteFuture {
  return SettableFuture.failed(droppedError(why));
}

function droppedError(why: string): ChannelError {
  return new ChannelError('OUTBOUND_FULL', why);
}
