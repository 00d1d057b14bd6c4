// The program of a page in one file, from source. A project of your own uses its bundler as it is, because the packages from npm
// say themselves what is for browsers.
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { browserGlobals, forBrowsers } from './for-browsers.mjs';

export async function bundlePage(program, plugins = []) {
  const build = await rolldown({
    input: program instanceof URL ? fileURLToPath(program) : program,
    platform: 'browser',
    plugins: [...plugins, forBrowsers()],
    resolve: { conditionNames: ['@headrace/source', 'browser', 'import', 'default'] },
    transform: { inject: browserGlobals() },
  });
  const { output } = await build.generate({ minify: true });
  await build.close();
  return output[0].code;
}
