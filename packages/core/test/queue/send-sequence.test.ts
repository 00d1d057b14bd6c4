import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ReceiveSequence } from '../../src/queue/receive-sequence.ts';
import { SendSequence } from '../../src/queue/send-sequence.ts';
import {
  type DeliveryEnds,
  describeNumberedDelivery,
  type End,
} from '../fixture/numbered-delivery.ts';

const BOUND = 8;

/** Goes back to the last acknowledged item whenever something seems to be lost. */
class SmallStream implements DeliveryEnds {
  readonly taken: number[] = [];
  private readonly out = new SendSequence();
  private readonly items: number[] = [];
  private readonly inbound = new ReceiveSequence(0);
  private isAckDue = false;

  get kept(): number {
    return this.items.length;
  }

  offer(item: number): boolean {
    if (this.items.length === BOUND) return false;
    this.out.add(1);
    this.items.push(item);
    return true;
  }

  take(): void {}

  frames(from: End): unknown[] {
    const frames: unknown[] = [];
    const { out } = this;
    if (from === 'receiver') {
      if (this.isAckDue) frames.push(this.inbound.received);
      this.isAckDue = false;
    } else {
      while (out.sent < out.last) {
        const number = out.send(1);
        frames.push([number, this.items[number - out.acknowledged - 1]]);
      }
    }
    return frames;
  }

  arrived(at: End, frame: unknown): void {
    if (at === 'sender') {
      this.items.splice(0, this.out.acknowledge(frame as number));
      return;
    }
    const [number, item] = frame as [number, number];
    this.isAckDue = true;
    if (this.inbound.gapBefore(number) !== 0) return;
    this.inbound.receive(number);
    this.taken.push(item);
  }

  reconnect(): void {
    this.arrived('sender', this.inbound.received);
    this.out.resendAfter(this.inbound.received);
  }

  askAgain(): void {
    this.out.resendAfter(0);
  }
}

describeNumberedDelivery('the sequences alone', () => new SmallStream(), {
  faults: 'any',
  bound: BOUND,
});

it('counts what is sent again over another link', () => {
  const out = new SendSequence();
  out.add(5);
  expect(out.send(3)).toBe(3);
  expect(out.acknowledge(1)).toBe(1);
  expect([out.isEmpty, out.isInFlight]).toEqual([false, true]);
  expect(out.resendAfter(2)).toBe(1);
  expect(out.send(1)).toBe(3);
  expect(out.acknowledge(3)).toBe(2);
  expect([out.acknowledge(2), out.isInFlight]).toEqual([0, false]);
  expect([out.resendAfter(0), out.sent]).toEqual([0, 3]);
  // Given up without being sent.
  expect([out.acknowledge(5), out.isEmpty, out.sent]).toEqual([2, true, 5]);
});

it('receives each number at most once, and knows how many of them it gave up', () => {
  const numbers = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 });
  const run = (arrivals: readonly number[]) => {
    const inbound = new ReceiveSequence(0);
    const received: number[] = [];
    for (const number of arrivals) {
      if (inbound.gapBefore(number) < 0) continue;
      inbound.receive(number);
      received.push(number);
    }
    expect(received).toEqual([...new Set(received)].sort((a, b) => a - b));
    expect(received.length + inbound.missed).toBe(inbound.received);
    inbound.giveUp(50);
    expect(received.length + inbound.missed).toBe(50);
  };
  fc.assert(fc.property(numbers, run));
});
