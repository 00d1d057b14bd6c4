/** The path of GitHub Pages, for which the site is built without `--base`. */
export const BASE = '/headrace/';

/**
 * The path of `--base PATH`, or undefined without it.
 *
 * @throws Error - for a path that does not begin and end with a slash
 */
export function baseOf(args: readonly string[]): string | undefined {
  const at = args.indexOf('--base');
  if (at < 0) return undefined;
  const base = args[at + 1] ?? '';
  if (/^\/(?:[\w.~-]+\/)*$/.test(base)) return base;
  throw new Error(`--base is "${base}": a path that begins and ends with /, such as / or /docs/`);
}
