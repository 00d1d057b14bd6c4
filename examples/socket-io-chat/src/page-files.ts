import { readFile } from 'node:fs/promises';
import { bundlePage } from '../../../scripts/bundle-page.mjs';

/** The page and its program, with the client of Socket.IO in it: made for the first visitor. */
export function pageFiles() {
  let made: Promise<{ html: string; program: string }> | undefined;
  return () => (made ??= make());
}

async function make() {
  const html = await readFile(new URL('page.html', import.meta.url), 'utf8');
  return { html, program: await bundlePage(new URL('page.ts', import.meta.url)) };
}
