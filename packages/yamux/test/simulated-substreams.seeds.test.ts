// A seed takes about 20 ms of one core.
import { explore } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { FIRST_SEED as firstSeed } from '../../core/test/fixture/first-seed.ts';
import { DATA, FIN, WINDOW_UPDATE } from '../src/yamux-frame.ts';
import { SETTLE_MS as settleMs, simulatedSubstreams, type Tamper } from './simulated-substreams.ts';

const isCredit = (frame: Buffer): boolean =>
  frame[1] === WINDOW_UPDATE && frame.readUInt32BE(8) > 0;

/** A copy of a frame with another number in one of its fields. */
function changed(frame: Buffer, at: number, change: (value: number) => number): Buffer {
  const copy = Buffer.from(frame);
  copy.writeUInt32BE(change(frame.readUInt32BE(at)), at);
  return copy;
}

describe('substreams', () => {
  it('over 10,000 networks that fail are whole and in order', async () => {
    await explore({ seeds: 10_000, firstSeed, settleMs, scenario: simulatedSubstreams() });
  });

  it.each<[string, Tamper, RegExp]>([
    ['gives no credit', (frame) => (isCredit(frame) ? [] : [frame]), /whole behind the faults/],
    [
      'gives more credit than it has',
      (frame) => [isCredit(frame) ? changed(frame, 8, (bytes) => bytes * 4) : frame],
      /a rule of yamux is broken/,
    ],
    [
      'sends data twice',
      (frame) => (frame[1] === DATA && frame.length > 12 ? [frame, frame] : [frame]),
      /other bytes|bytes of|rule of yamux/,
    ],
    [
      'never ends its output',
      (frame) => [changed(frame, 0, (first) => first & ~FIN)],
      /whole behind the faults/,
    ],
    [
      'mixes two substreams up',
      (frame) => [frame.length > 12 ? changed(frame, 4, (id) => id + 2) : frame],
      /other bytes|bytes of|rule of yamux|whole behind/,
    ],
  ])('an end that %s is found within 200 seeds', async (_name, tamper, text) => {
    const exploring = explore({ seeds: 200, settleMs, scenario: simulatedSubstreams(tamper) });
    await expect(exploring).rejects.toThrow(text);
  });
});
