// `npm run pack:all` builds and packs the packages, for the checks that look at them from outside.
import { packAll } from './packed-packages.ts';
import { Tally } from './tally.ts';
import { root } from './workspace.ts';

const tally = new Tally(() => 'npm run pack:all');
await tally.step('packages build, and are packed', () => packAll(root));
tally.end('pack');
