import { VarintPrepender } from '@headrace/codec';
import { runEncoderCase } from '../decoder-run.ts';
import type { ConformanceFamily } from '../family.ts';

export const family: ConformanceFamily = {
  name: 'varint32-prepender',
  run: (testCase) => runEncoderCase(testCase, () => new VarintPrepender()),
};
