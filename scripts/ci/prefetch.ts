// `prefetch.ts gate` or `prefetch.ts everything` brings what later steps take from the network: Debian's packages, and
// tools that have lockfiles of their own.
import { ownModule } from '../own-project.ts';
import { Tally } from '../tally.ts';
import { root } from '../workspace.ts';
import { FOR_EVERYTHING, FOR_THE_GATE, installPackages } from './debian-packages.ts';

const tally = new Tally(() => 'bash .ci/run prefetch');
const wanted = process.argv[2] === 'gate' ? FOR_THE_GATE : FOR_EVERYTHING;

await tally.step('Debian packages', async () => console.log(await installPackages(wanted)));
// The checks of the sources install theirs meanwhile.
for (const folder of ['scripts/package-tools', 'scripts/bun-and-deno']) {
  await tally.step(folder, () => ownModule(root, folder, '.'));
}
tally.end('prefetch');
