import { LengthFieldFrameDecoder } from '@headrace/codec';
import { runDecoderCase } from '../decoder-run.ts';
import type { ConformanceFamily } from '../family.ts';

export const family: ConformanceFamily = {
  name: 'length-field-decoder',
  run: (testCase) =>
    runDecoderCase(
      testCase,
      () => new LengthFieldFrameDecoder({ ...testCase.config, frameErrorPolicy: 'emit' }),
    ),
};
