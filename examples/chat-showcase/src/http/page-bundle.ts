// Puts the page's own style sheets and modules into its document when the server starts: one request instead of
// two dozen over six connections, so a server with a low limit for each address can still show its page.
import { createHash } from 'node:crypto';
import { ModuleBundle } from './module-bundle.ts';
import type { PageFiles } from './page-files.ts';

/** The whole page in one document. */
export interface PageBundle {
  readonly html: string;
  /** The Content-Security-Policy sources of its parts. */
  readonly scriptHashes: readonly string[];
  readonly styleHashes: readonly string[];
}

const STYLE = /[ \t]*<link rel="stylesheet" href="\/([^"]+)">\n/g;
const SCRIPT = /<script type="module" src="\/([^"]+)"><\/script>/g;

export function bundlePage(files: PageFiles): PageBundle {
  const textOf = (name: string) => files.get(`/${name}`)!.content.toString();
  const source = textOf('index.html');
  const styles = [...source.matchAll(STYLE)].map(([, name]) => textOf(name!)).join('\n');
  const styleHashes: string[] = [];
  const scriptHashes: string[] = [];
  let isFirst = true;
  const html = source
    .replace(STYLE, () => {
      if (!isFirst) return '';
      isFirst = false;
      styleHashes.push(hashOf(styles));
      return `<style>${styles}</style>\n`;
    })
    .replace(SCRIPT, (_tag, name: string) => {
      const script = new ModuleBundle(textOf).bundle(name);
      scriptHashes.push(hashOf(script));
      return `<script type="module">${script}</script>`;
    });
  return { html, scriptHashes, styleHashes };
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
