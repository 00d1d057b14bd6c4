import { LineFrameDecoder } from '@headrace/codec';
import { type DecoderCase, runDecoderCase } from '../decoder-run.ts';
import type { ConformanceFamily } from '../family.ts';
import { type FrameEvents, LineModel } from '../netty-frames.ts';

function modelled({ config, chunks = [] }: DecoderCase, waits: boolean): FrameEvents[] {
  return new LineModel({ ...config, waitsForCutDelimiters: waits }).run(chunks);
}

export const family: ConformanceFamily = {
  name: 'line-decoder',
  run: (testCase) =>
    runDecoderCase(
      testCase,
      () => new LineFrameDecoder({ ...testCase.config, frameErrorPolicy: 'emit' }),
      {
        reason:
          'a chunk ends between the CR and the LF of a line at its limit: the cut does not matter to us',
        netty: (one) => modelled(one, false),
        ours: (one) => modelled(one, true),
      },
    ),
};
