/** Not part of a build: an image has the bundled program among its page's files. */
const BUNDLER = new URL('../../bundle-page.mjs', import.meta.url);

let bundled: Promise<string> | undefined;

/** The program of the chat's page, in one file: bundled from source by the first who asks, as that takes a second. */
export function pageProgram(): Promise<string> {
  bundled ??= (import(BUNDLER.href) as Promise<{ bundlePage(): Promise<string> }>).then(
    ({ bundlePage }) => bundlePage(),
  );
  return bundled;
}
