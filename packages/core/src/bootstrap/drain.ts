import type { Channel, Clock, Timer } from '../contract.ts';
import type { ChannelGroup } from '../group/channel-group.ts';

/** How connections are brought to their end. */
export interface DrainPlan {
  readonly clock: Clock;
  readonly drainTimeoutMs: number;
  readonly batch: number;
  readonly everyMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Tells all connections, batch by batch; waits until they are gone or the time is over; closes the rest, batch by batch. */
export async function drain(
  connections: ChannelGroup,
  tell: (channel: Channel) => void,
  plan: DrainPlan,
): Promise<void> {
  const timers: Timer[] = [];
  const over = new Deadline(plan, timers);
  batches([...connections], plan.batch).forEach((some, index) => {
    const tellSome = () => {
      for (const channel of some) if (channel.isOpen) tell(channel);
    };
    if (index === 0) tellSome();
    else timers.push(plan.clock.schedule(tellSome, index * plan.everyMs, true));
  });
  // Connections accepted meanwhile are waited for, too.
  while (!connections.isEmpty && !over.isPassed) {
    await Promise.race([connections.newCloseFuture(), over.passed]);
  }
  over.forget();
  for (const timer of timers) timer.cancel();
  await closeAll(connections, plan);
}

/** A large crowd goes batch by batch, so that the event loop serves others in between. */
async function closeAll(connections: ChannelGroup, { batch, clock }: DrainPlan): Promise<void> {
  const crowds = batches([...connections], batch);
  for (const [index, some] of crowds.entries()) {
    for (const channel of some) channel.close('shutdown');
    if (index < crowds.length - 1) {
      await new Promise<void>((resolve) => clock.schedule(resolve, 0, true));
    }
  }
  await connections.close('shutdown');
}

/** The end of the waiting: after the time-out, or when the signal says so. */
class Deadline {
  readonly passed: Promise<void>;
  isPassed = false;
  private readonly signal: AbortSignal | undefined;
  private pass: () => void = () => {};

  constructor({ clock, drainTimeoutMs, signal }: DrainPlan, timers: Timer[]) {
    this.signal = signal;
    this.passed = new Promise((resolve) => {
      this.pass = () => {
        this.isPassed = true;
        resolve();
      };
    });
    timers.push(clock.schedule(this.pass, drainTimeoutMs, true));
    signal?.addEventListener('abort', this.pass, { once: true });
    if (signal?.aborted === true) this.pass();
  }

  forget(): void {
    this.signal?.removeEventListener('abort', this.pass);
  }
}

function batches<T>(all: readonly T[], size: number): T[][] {
  const result: T[][] = [];
  for (let i = 0; i < all.length; i += size) result.push(all.slice(i, i + size));
  return result;
}
