// `npm run check:products`: do the products hold on the kernel that is published? Packing compiles each of them against the
// packed declarations of the packages below it. Then the tests of the products run with the packed kernel in place of its
// sources. `-- FILE…`: some of them.
import { packAll } from './packed-packages.ts';
import { Tally } from './tally.ts';
import { root } from './workspace.ts';

const tally = new Tally();
const vitest = ['scripts/run.mjs', 'vitest', 'run', '--config', 'vitest.packed.config.ts'];
await packAll(root, async () => {
  const args = [...vitest, ...process.argv.slice(2)];
  await tally.command('the tests of the products', process.execPath, args, root);
});
tally.end('products');
