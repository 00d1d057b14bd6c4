import { startChannel, TransportChannel } from '../channel/transport-channel.ts';
import type { Channel, CloseReason, Direction, WriteFuture } from '../contract.ts';
import type { VirtualClock } from './virtual-clock.ts';

/**
 * A channel on virtual time: what a test calls on it is an event of its own, and the tasks that this adds
 * have run when the call returns.
 */
export class VirtualChannel<R = unknown, W = unknown> extends TransportChannel<R, W> {
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

  override write(...args: Parameters<TransportChannel<R, W>['write']>): WriteFuture {
    return this.run(() => super.write(...args));
  }

  override writeAndFlush(
    ...args: Parameters<TransportChannel<R, W>['writeAndFlush']>
  ): WriteFuture {
    return this.run(() => super.writeAndFlush(...args));
  }

  override flush(): void {
    this.run(() => super.flush());
  }

  override read(): void {
    this.run(() => super.read());
  }

  override shutdown(direction: Direction = 'output'): WriteFuture {
    return this.run(() => super.shutdown(direction));
  }

  override close(reason?: CloseReason): WriteFuture {
    return this.run(() => super.close(reason));
  }

  override end(...options: Parameters<TransportChannel['end']>): WriteFuture {
    return this.run(() => super.end(...options));
  }

  override abort(reason?: CloseReason): WriteFuture {
    return this.run(() => super.abort(reason));
  }
}
