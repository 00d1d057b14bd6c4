import type { TransportSink } from '@headrace/core';
import { expect, it } from 'vitest';
import { MessageIntake } from '../../src/socket/message-intake.ts';

it('passes on what it kept before a message that arrives while reading goes on', () => {
  const read: unknown[] = [];
  const intake = new MessageIntake({ pause: () => {}, resume: () => {}, endBurstLater: () => {} });
  intake.sink = {
    received: (message: unknown) => void read.push(message),
    readComplete: () => {},
  } as TransportSink;
  intake.arrived('kept');
  intake.requestRead();
  intake.arrived('next');
  intake.endBurst();
  expect(read).toEqual(['kept', 'next']);
});
