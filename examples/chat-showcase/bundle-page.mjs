// The page's program in one file, on standard output: `node examples/chat-showcase/bundle-page.mjs > main.js`.
// The server calls `bundlePage` when its page's folder has no main.js, as from source.
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { browserGlobals, forBrowsers } from '../../scripts/for-browsers.mjs';

/** @returns {Promise<string>} */
export async function bundlePage() {
  const build = await rolldown({
    input: fileURLToPath(new URL('src/page/main.ts', import.meta.url)),
    platform: 'browser',
    plugins: [forBrowsers()],
    resolve: { conditionNames: ['@headrace/source', 'browser', 'import', 'default'] },
    transform: { inject: browserGlobals() },
  });
  const { output } = await build.generate({ minify: true });
  await build.close();
  return output[0].code;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(await bundlePage());
