import { JsonObjectDecoder } from '@headrace/codec';
import { runDecoderCase } from '../decoder-run.ts';
import type { ConformanceFamily } from '../family.ts';

export const family: ConformanceFamily = {
  name: 'json-object-decoder',
  run: (testCase) =>
    runDecoderCase(
      testCase,
      () => new JsonObjectDecoder({ ...testCase.config, frameErrorPolicy: 'emit' }),
    ),
};
