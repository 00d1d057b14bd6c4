// The page's program in one file.
import type { Plugin } from 'rolldown';
import { bundlePage as bundle } from '../../../../scripts/bundle-page.mjs';

/** @param plugins - before the one that makes the packages ready for a page */
export function bundlePage(program = 'page.ts', plugins: readonly Plugin[] = []): Promise<string> {
  return bundle(new URL(program, import.meta.url), plugins);
}
