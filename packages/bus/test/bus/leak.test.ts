import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { KeptMessages } from '../../src/bus/kept-messages.ts';

describe('what is kept for a bus that is away', () => {
  it('is all that stays in memory: what was dropped is free at once', async () => {
    const limits = { maxBytes: 10_000, maxAgeMs: 5000 };
    let dropped = 0;
    const kept = new KeptMessages(limits, () => {
      dropped += 1;
    });
    const bytes: WeakRef<Uint8Array>[] = [];
    for (let i = 0; i < 100; i += 1) {
      const message = new Uint8Array(1000);
      bytes.push(new WeakRef(message));
      kept.add('room', message, 0);
    }
    const alive = () => bytes.filter((one) => one.deref() !== undefined).length;
    // A reference stays as long as the task that made it, and the engine may need more than one collection.
    for (let tries = 0; tries < 20 && alive() > 100 - dropped; tries += 1) {
      await setImmediate();
      globalThis.gc!();
    }
    expect(dropped).toBe(91);
    expect(alive()).toBe(100 - dropped);
    expect(kept.shift()).toBeDefined();
  });
});
