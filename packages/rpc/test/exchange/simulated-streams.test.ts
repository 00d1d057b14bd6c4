import { explore } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';
import type { BinaryExchange } from '../../src/exchange/binary-frame.ts';
import { binaryExchange, type StreamFormat } from '../../src/index.ts';
import { SETTLE_MS as settleMs } from './simulated-calls.ts';
import { type StreamVariant, simulatedStreams } from './simulated-streams.ts';

const format = binaryExchange();
const right: StreamVariant = { format, resumesAfter: (last) => last + 1 };
const streams = format.streams!;
const withStreams = (changed: Partial<StreamFormat<BinaryExchange>>): StreamVariant => ({
  ...right,
  format: { ...format, streams: { ...streams, ...changed } },
});

describe('streams over a network that fails', () => {
  it('have each item once and in order, and are whole when the faults are over', async () => {
    await explore({ seeds: 10, settleMs, scenario: simulatedStreams(right) });
  });

  it.each<[string, StreamVariant, RegExp]>([
    [
      'goes on at the item that it has',
      { ...right, resumesAfter: (last) => Math.max(0, last) },
      /gap/,
    ],
    [
      'gives credit for more than it took',
      withStreams({ credit: (id, from, taken) => streams.credit(id, from, taken + 1) }),
      /a rule of streams is broken/,
    ],
    [
      'gives credit for less than it took',
      withStreams({
        credit: (id, from, taken) => streams.credit(id, from, Math.max(1, taken - 1)),
      }),
      /whole behind the faults/,
    ],
    [
      'sends beyond the window',
      withStreams({ window: (id) => streams.window(id, { items: 20, bytes: 100_000 }) }),
      /a rule of streams is broken/,
    ],
  ])('an end that %s is found within 200 seeds', async (_name, variant, text) => {
    const exploring = exploreMistake({ seeds: 200, settleMs, scenario: simulatedStreams(variant) });
    await expect(exploring).rejects.toThrow(text);
  });
});
