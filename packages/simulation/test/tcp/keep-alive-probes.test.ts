import { EventQueue } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { KeepAliveProbes } from '../../src/tcp/keep-alive-probes.ts';

describe('keepalive', () => {
  it('probes at the exact idle time, although sums of times are rounded', () => {
    const queue = new EventQueue();
    const time = { now: 0, plan: (atMs: number, task: () => void) => queue.add(atMs, task) };
    const sent: number[] = [];
    const end = {
      isOpen: true,
      isWritePending: false,
      sendProbe: () => void sent.push(time.now),
      breaks: () => {},
    };
    const probes = new KeepAliveProbes(end, time, { idleMs: IDLE_MS, intervalMs: 1, count: 1 });
    probes.start();
    time.now = HEARD_AT;
    probes.heard();
    for (let events = 0; events < 100 && sent.length === 0; events++) {
      const event = queue.first()!;
      queue.dropFirst();
      time.now = Math.max(time.now, event.atMs);
      event.task!();
    }
    expect(sent).toEqual([HEARD_AT + IDLE_MS]);
  });
});

const IDLE_MS = 7_200_000;
/** A time whose last bit is lost in a sum with `IDLE_MS`. */
const HEARD_AT = IDLE_MS + 2 ** -30;
