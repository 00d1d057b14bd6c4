import { ChannelCore } from '../channel/channel-core.ts';
import type { ResolvedChannelOptions } from '../channel/channel-options.ts';
import { attachCore, channelMembers, startChannel } from '../channel/transport-channel.ts';
import type { Channel } from '../contract.ts';
import type { Transport } from '../transport/transport.ts';
import type { VirtualClock } from './virtual-clock.ts';

const OPERATIONS: ReadonlySet<PropertyKey> = new Set([
  'write',
  'writeAndFlush',
  'flush',
  'read',
  'autoRead',
  'shutdown',
  'close',
  'end',
  'abort',
]);

/** Wraps a member of a channel, so that a call or an assignment is one event of the channel's clock. */
function asOneEvent({ value, set, ...rest }: PropertyDescriptor): PropertyDescriptor {
  const inEvent = (method: (...args: unknown[]) => unknown) =>
    function (this: VirtualChannel, ...args: unknown[]): unknown {
      return this.run(() => method.apply(this, args));
    };
  return { ...rest, ...(value && { value: inEvent(value) }), ...(set && { set: inEvent(set) }) };
}

/**
 * A channel on virtual time. Each call of a test is one event, and the tasks that the event adds have run when the call
 * returns.
 */
export interface VirtualChannel<R = unknown, W = unknown> extends Channel<R, W> {
  readonly clock: VirtualClock;
  [Symbol.asyncIterator](): Required<Pick<AsyncIterator<R>, 'next' | 'return'>>;
}

// The class has a core and the members of a channel, but extends no other channel class.
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the static block gives it all members of the interface
export class VirtualChannel<R = unknown, W = unknown> implements Channel<R, W> {
  static {
    for (const [name, member] of channelMembers()) {
      const own = OPERATIONS.has(name) ? asOneEvent(member) : member;
      Object.defineProperty(VirtualChannel.prototype, name, own);
    }
  }

  /** @internal Created by `connectedPair`. */
  constructor(transport: Transport, options: ResolvedChannelOptions, parent?: Channel) {
    attachCore(this, new ChannelCore(this as Channel, transport, options, parent));
  }

  /** Runs an action of the test as one event. The tasks that the action adds run after the action. */
  run<T>(action: () => T): T {
    return this.clock.run(action);
  }

  /** Starts the channel, which announces that it is registered and, if it is connected, active. */
  register(initialize?: (channel: Channel) => void): void {
    this.run(() => startChannel(this as Channel, initialize));
  }
}
