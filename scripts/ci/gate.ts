// `bash .ci/run [STEP…]`: the gate of each change. `--list` names its steps.
import { runSteps } from './run.ts';
import { gateSteps, prefetch } from './steps.ts';
import { withClone } from './with-clone.ts';

const passed = await withClone((clone) =>
  runSteps(gateSteps(clone), process.argv.slice(2), {
    background: prefetch('gate'),
    quietFrom: 'pack',
  }),
);
process.exitCode = passed ? 0 : 1;
