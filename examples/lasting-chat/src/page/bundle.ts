// The page's program in one file. A project of your own uses its bundler as it is, for the packages from npm say
// themselves what is for browsers; here they run from source.
import { fileURLToPath } from 'node:url';
import { type Plugin, rolldown } from 'rolldown';
import { browserGlobals, forBrowsers } from '../../../../scripts/for-browsers.mjs';

/** @param plugins - before the one that makes the packages ready for a page */
export async function bundlePage(
  program = 'page.ts',
  plugins: readonly Plugin[] = [],
): Promise<string> {
  const build = await rolldown({
    input: fileURLToPath(new URL(program, import.meta.url)),
    platform: 'browser',
    plugins: [...plugins, forBrowsers()],
    transform: { inject: browserGlobals() },
  });
  const { output } = await build.generate({ minify: true });
  await build.close();
  return output[0].code;
}
