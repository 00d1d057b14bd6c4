// Prints where the program of the collector is, after installing it: `node scripts/collector/program-path.ts`, with nothing
// printed where npm has none for this platform.
import { fileURLToPath } from 'node:url';
import { installOwnProject } from '../own-project.ts';

const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-arm64'];

const root = fileURLToPath(new URL('../../', import.meta.url));
const platform = `${process.platform}-${process.arch}`;
if (PLATFORMS.includes(platform)) {
  installOwnProject(root, 'scripts/collector');
  process.stdout.write(
    `${root}scripts/collector/node_modules/@streamfold/rotel-${platform}/bin/rotel-agent`,
  );
}
