// A host that logs a line with the default logger, which the real one ends in a later turn of the loop.
import { stderrLogger } from '@headrace/core';
import { Simulation } from '@headrace/simulation';

const sim = new Simulation({ seed: 1 });
sim.host('a', () => stderrLogger().log('error', 'something is wrong'));
await sim.run({ untilMs: 10 });
await new Promise((resolve) => setImmediate(resolve));
console.log('no call is forbidden');
