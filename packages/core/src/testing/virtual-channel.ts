import { startChannel, TransportChannel } from '../channel/transport-channel.ts';
import type { Channel } from '../contract.ts';
import type { VirtualClock } from './virtual-clock.ts';

const OPERATIONS = [
  'write',
  'writeAndFlush',
  'flush',
  'read',
  'shutdown',
  'close',
  'end',
  'abort',
] as const;

/**
 * A channel on virtual time: what a test calls on it is an event of its own, and the tasks that this adds
 * have run when the call returns.
 */
export class VirtualChannel<R = unknown, W = unknown> extends TransportChannel<R, W> {
  static {
    for (const method of OPERATIONS) {
      const operation = TransportChannel.prototype[method] as (...args: unknown[]) => unknown;
      Object.defineProperty(VirtualChannel.prototype, method, {
        value(this: VirtualChannel, ...args: unknown[]): unknown {
          return this.run(() => operation.apply(this, args));
        },
      });
    }
  }

  override get clock(): VirtualClock {
    return super.clock as VirtualClock;
  }

  /** Runs an action of the test as one event: tasks that it adds run when it is over. */
  run<T>(action: () => T): T {
    return this.clock.run(action);
  }

  /** Starts the channel: announces that it is registered and, if it is connected, active. */
  register(initialize?: (channel: Channel) => void): void {
    this.run(() => startChannel(this as Channel, initialize));
  }

  override get autoRead(): boolean {
    return super.autoRead;
  }

  override set autoRead(value: boolean) {
    this.run(() => {
      super.autoRead = value;
    });
  }
}
