import type { TransportSink } from '@headrace/core';
import { Fifo } from '@headrace/core/authoring';
import { expect, it, vi } from 'vitest';
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

it('moves no kept message again for each that the channel takes', () => {
  const moves = vi.spyOn(Fifo.prototype, 'push');
  const intake = new MessageIntake({ pause: () => {}, resume: () => {}, endBurstLater: () => {} });
  let read = 0;
  intake.sink = {
    received: () => {
      read += 1;
      intake.pauseReading();
    },
    readComplete: () => {},
    checkTurn: () => {},
  } as unknown as TransportSink;
  for (let i = 0; i < 100; i++) intake.arrived('kept');
  for (let i = 0; i < 100; i++) {
    intake.requestRead();
    intake.endBurst();
    expect(read).toBe(i + 1);
  }
  expect(moves).toHaveBeenCalledTimes(100);
  moves.mockRestore();
});
