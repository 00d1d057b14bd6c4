// The page's program in one file, on standard output: `node examples/chat-showcase/bundle-page.mjs > main.js`.
// The server calls `bundlePage` when its page's folder has no main.js, as from source.
import { fileURLToPath } from 'node:url';
import { bundlePage as bundle } from '../../scripts/bundle-page.mjs';

/** @returns {Promise<string>} */
export const bundlePage = () => bundle(new URL('src/page/main.ts', import.meta.url));

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(await bundlePage());
