import type { Plugin } from 'rolldown';

/** @param plugins - before the one that makes the packages ready for a page */
export function bundlePage(program: string | URL, plugins?: readonly Plugin[]): Promise<string>;
