// `prefetch.ts gate` or `prefetch.ts everything` brings what later steps take from the network: Debian's packages, and
// the runtimes.
import { ownModule } from '../own-project.ts';
import { Tally } from '../tally.ts';
import { root } from '../workspace.ts';
import { FOR_EVERYTHING, FOR_THE_GATE, installPackages } from './debian-packages.ts';

const tally = new Tally(() => 'bash .ci/run prefetch');
const wanted = process.argv[2] === 'gate' ? FOR_THE_GATE : FOR_EVERYTHING;

await tally.step('Debian packages', async () => console.log(await installPackages(wanted)));
// The checks of the sources install theirs meanwhile.
await tally.step('Bun and Deno', () => ownModule(root, 'scripts/bun-and-deno', '.'));
tally.end('prefetch');
