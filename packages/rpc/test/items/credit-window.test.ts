import { setImmediate } from 'node:timers/promises';
import type { CallOutput } from '@headrace/handlers/call';
import { type CreditEnds, describeCreditWindow } from '../../../core/test/fixture/credit-window.ts';
import type { End } from '../../../core/test/fixture/numbered-delivery.ts';
import { ItemReader } from '../../src/items/item-reader.ts';
import { ItemWriter } from '../../src/items/item-writer.ts';

const WINDOW = { items: 100, bytes: 1600 };

/** The items of one stream; an item is its size. */
class ItemEnds implements CreditEnds {
  taken = 0;
  waiting = 0;
  private readonly unsent: number[] = [];
  private readonly messages: unknown[] = [];
  private readonly credits: number[] = [];
  private isTaking = false;
  private wake = () => {};
  private readonly reader = new ItemReader(WINDOW, {
    took: (count) => void this.credits.push(count),
    left: () => {},
  });
  private readonly writer: ItemWriter;

  constructor() {
    const output = {
      isWritable: true,
      ctx: { channel: {}, clock: { nextTurn: queueMicrotask } },
      write: (message: unknown) => {
        this.messages.push(message);
        return { isSettled: false };
      },
    };
    const wire = { messageOf: (item: unknown) => item, sizeOf: (item: unknown) => item as number };
    this.writer = new ItemWriter(output as unknown as CallOutput, wire, WINDOW);
    void this.writer.send(this.source());
  }

  private async *source(): AsyncGenerator<number> {
    for (;;) {
      if (this.unsent.length > 0) yield this.unsent.shift()!;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  send(bytes: number): void {
    this.unsent.push(bytes);
    this.wake();
  }

  take(): void {
    if (this.isTaking) return;
    this.isTaking = true;
    void this.reader.next().then(({ value }) => {
      this.isTaking = false;
      this.taken += value as number;
      this.waiting -= value as number;
    });
  }

  async settle(): Promise<void> {
    await setImmediate();
  }

  frames(from: End): unknown[] {
    return (from === 'sender' ? this.messages : this.credits).splice(0);
  }

  arrived(at: End, frame: unknown): boolean {
    return at === 'receiver'
      ? this.force(frame as number)
      : this.writer.acknowledge(frame as number);
  }

  force(bytes: number): boolean {
    this.waiting += bytes;
    return this.reader.receive(bytes, bytes);
  }
}

describeCreditWindow('the items of a call', () => new ItemEnds(), {
  window: WINDOW.bytes,
  slack: 2,
  reports: 100,
});
