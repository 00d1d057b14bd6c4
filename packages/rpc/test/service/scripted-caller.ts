import { ChannelError, EncodeError } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { requestAborted, requestLost, requestTimedOut } from '@headrace/handlers/call';
import type { ServicePlace } from '../../src/index.ts';
import { refusal } from '../../src/index.ts';

type Options = { readonly timeoutMs?: number | false; readonly signal?: AbortSignal };

/** One attempt that reached a place; the test answers it. */
export interface Asked {
  readonly at: number;
  readonly timeoutMs: number | false | undefined;
  /** Cancelled by its caller. */
  isCancelled: boolean;
  answer(value: unknown): Promise<void>;
  fail(error: Error): Promise<void>;
}

/** A place whose answers the test gives. It heeds time-outs and signals as an `ExchangeHandler` does. */
export class ScriptedCaller implements ServicePlace {
  isReady = true;
  readonly asked: Asked[] = [];
  private readonly clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  request(_call: unknown, { timeoutMs, signal }: Options = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const asked: Asked = {
        at: this.clock.now(),
        timeoutMs,
        isCancelled: false,
        answer: (value) => settled(() => resolve(value)),
        fail: (error) => settled(() => reject(error)),
      };
      this.asked.push(asked);
      if (typeof timeoutMs === 'number') {
        this.clock.schedule(() => reject(requestTimedOut(timeoutMs, true)), timeoutMs);
      }
      signal?.addEventListener('abort', () => {
        asked.isCancelled = true;
        reject(requestAborted(signal, true));
      });
    });
  }

  stream(): AsyncIterable<unknown> {
    throw new EncodeError('MESSAGE_NOT_ENCODABLE', 'no streams here');
  }

  notify(): never {
    throw new EncodeError('MESSAGE_NOT_ENCODABLE', 'no notices here');
  }
}

async function settled(settle: () => void): Promise<void> {
  settle();
  await promisesSettled();
}

/** Everything that follows from promises that have settled has happened. */
export function promisesSettled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Time goes on in small steps, and what follows from each happens within it. */
export async function passed(clock: VirtualClock, ms: number): Promise<void> {
  await promisesSettled();
  for (let left = ms; left > 0; left -= 1) {
    clock.advance(1);
    await promisesSettled();
  }
}

export const lost = (sent = true): Error => requestLost('the connection is gone', sent);
export const overloaded = (retryAfterMs?: number): Error =>
  refusal(
    -32_000,
    'too many requests wait',
    retryAfterMs === undefined ? undefined : { retryAfterMs },
  );
export const closed = (): Error => new ChannelError('CHANNEL_CLOSED', 'closed', { sent: false });
