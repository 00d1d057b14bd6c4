// Prints where the program of the collector is, after installing it: `node scripts/collector/program-path.ts`, with nothing
// printed where npm has none for this platform.
import { ownModule } from '../own-project.ts';
import { root } from '../workspace.ts';

const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-arm64'];

const platform = `${process.platform}-${process.arch}`;
if (PLATFORMS.includes(platform)) {
  const program = `@streamfold/rotel-${platform}/bin/rotel-agent`;
  process.stdout.write(await ownModule(root, 'scripts/collector', program));
}
