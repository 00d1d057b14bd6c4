// `npm run ci:full [-- STEP…]`: the gate, and behind it everything that waits, measures or tries thousands of seeds.
import { runSteps } from './run.ts';
import { gateSteps, otherSteps, prefetch } from './steps.ts';
import { withClone } from './with-clone.ts';

const passed = await withClone((clone) =>
  runSteps([...gateSteps(clone), ...otherSteps()], process.argv.slice(2), {
    background: prefetch('everything'),
    quietFrom: 'pack',
    whole: true,
  }),
);
process.exitCode = passed ? 0 : 1;
