// The program of the home page: the packages as they are in any page, bundled from source.
import { join } from 'node:path';
import { type Plugin, rolldown } from 'rolldown';
import { browserGlobals, forBrowsers } from '../for-browsers.mjs';
import { writeFiles } from '../workspace.ts';

/** Of the test kit a page needs the channel only; the rest of it needs Node. */
const channelOfKit = (root: string): Plugin => ({
  name: 'channel-of-the-test-kit',
  resolveId: (id) =>
    id === '@headrace/core/testing'
      ? join(root, 'packages', 'core', 'src', 'testing', 'embedded-channel.ts')
      : null,
});

export async function bundlePageProgram(root: string, out: string): Promise<void> {
  const build = await rolldown({
    input: join(root, 'site', 'playground', 'pipeline', 'shouting-line.ts'),
    platform: 'browser',
    plugins: [channelOfKit(root), forBrowsers()],
    transform: { inject: browserGlobals() },
  });
  const { output } = await build.generate({ minify: true });
  await build.close();
  writeFiles(out, { 'shouting-line.js': output[0].code });
}
