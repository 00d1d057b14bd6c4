import { VarintFrameDecoder } from '@headrace/codec';
import { runDecoderCase } from '../decoder-run.ts';
import type { ConformanceFamily } from '../family.ts';

export const family: ConformanceFamily = {
  name: 'varint32-frame-decoder',
  run: (testCase) =>
    runDecoderCase(
      testCase,
      () =>
        new VarintFrameDecoder({
          maxFrameLength: Number.POSITIVE_INFINITY,
          frameErrorPolicy: 'emit',
        }),
    ),
};
