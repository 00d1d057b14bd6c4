import { FixedLengthFrameDecoder } from '@headrace/codec';
import { runDecoderCase } from '../decoder-run.ts';
import type { ConformanceFamily } from '../family.ts';

export const family: ConformanceFamily = {
  name: 'fixed-length-decoder',
  run: (testCase) =>
    runDecoderCase(
      testCase,
      () => new FixedLengthFrameDecoder({ ...testCase.config, frameErrorPolicy: 'emit' }),
    ),
};
