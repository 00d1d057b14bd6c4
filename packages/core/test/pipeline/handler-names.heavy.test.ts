import type { Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';

class Step implements Handler {
  readonly sharable = true;
}

it('generated names cost no more for thousands of handlers of one class than a walk for each', () => {
  const step = new Step();
  const cpuOf = (count: number): number => {
    const { pipeline } = new EmbeddedChannel();
    const before = process.cpuUsage();
    for (let i = 0; i < count; i += 1) pipeline.addLast(step);
    const { user, system } = process.cpuUsage(before);
    expect(pipeline.names().at(-1)).toBe(`Step#${count - 1}`);
    return user + system;
  };
  cpuOf(300);
  const few = Math.min(cpuOf(300), cpuOf(300), cpuOf(300));
  const many = Math.min(cpuOf(1500), cpuOf(1500));
  // Five times as many cost 25 times as much, and 125 times with a walk for each number that is tried.
  expect(many / few).toBeLessThan(60);
});
