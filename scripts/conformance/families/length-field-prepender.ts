import { LengthFieldPrepender } from '@headrace/codec';
import { runEncoderCase } from '../decoder-run.ts';
import type { ConformanceFamily } from '../family.ts';

export const family: ConformanceFamily = {
  name: 'length-field-prepender',
  run: (testCase) => runEncoderCase(testCase, () => new LengthFieldPrepender(testCase.config)),
};
