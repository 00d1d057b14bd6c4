// Puts the page's style sheets and its program into its document: one request instead of a dozen over six connections,
// so a server with a low limit for each address can still show its page.
import { createHash } from 'node:crypto';
import type { PageFiles } from './page-files.ts';

/** The whole page in one document. */
export interface PageBundle {
  readonly html: string;
  /** The Content-Security-Policy sources of its parts. */
  readonly scriptHashes: readonly string[];
  readonly styleHashes: readonly string[];
}

const STYLE = /[ \t]*<link rel="stylesheet" href="\/([^"]+)">\n/g;
const SCRIPT = /<script type="module" src="\/main\.js"><\/script>/;

/** @param program - takes the place of `/main.js` */
export function bundlePage(files: PageFiles, program: string): PageBundle {
  const textOf = (name: string) => files.get(`/${name}`)!.content.toString();
  const source = textOf('index.html');
  const styles = [...source.matchAll(STYLE)].map(([, name]) => textOf(name!)).join('\n');
  // "</script>" in a text would end the element.
  const script = program.replaceAll('</script', '<\\/script');
  let isFirst = true;
  const html = source
    .replace(STYLE, () => {
      if (!isFirst) return '';
      isFirst = false;
      return `<style>${styles}</style>\n`;
    })
    .replace(SCRIPT, () => `<script type="module">${script}</script>`);
  return { html, scriptHashes: [hashOf(script)], styleHashes: [hashOf(styles)] };
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
