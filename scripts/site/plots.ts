// Drawings become part of their page, so that they follow the site's switch between light and dark.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const PLOT = /^!\[([^\]]*)\]\(\/([^)]+\.svg)\)$/gm;
/** Narrower drawings fit on a phone as they are. */
const PHONE = 400;
const DARK = /@media \(prefers-color-scheme: dark\)\s*\{((?:[^{}]*\{[^{}]*\})*)[^{}]*\}/;

/** Selectors hold below one drawing only. */
function scoped(rules: string, scope: string): string {
  return rules.replace(/([^{}]+)\{/g, (_, selectors: string) => {
    const all = selectors.split(',').map((one) => `${scope} ${one.trim()}`);
    return `${all.join(', ')} {`;
  });
}

export function inlinePlots(root: string, text: string, counter: { number: number }): string {
  const styles: string[] = [];
  const result = text.replace(PLOT, (_, alt: string, path: string) => {
    counter.number += 1;
    const name = `plot-${counter.number}`;
    let svg = readFileSync(join(root, path), 'utf8').replace(/<\?xml[^>]*>\s*/, '');
    svg = svg.replace(/<style>([\s\S]*?)<\/style>\s*/, (_style, css: string) => {
      const dark = DARK.exec(css)?.[1] ?? '';
      styles.push(scoped(css.replace(DARK, ''), `.${name}`), scoped(dark, `.dark .${name}`));
      return '';
    });
    // Markdown ends a block of HTML at an empty line.
    const body = svg.replace(/\n\s*\n/g, '\n').trim();
    const width = Number(/viewBox="0 0 ([\d.]+)/.exec(body)?.[1] ?? 0);
    // What a phone scrolls sideways must be reachable by keys.
    const wide = width > PHONE ? ' wide-plot" tabindex="0' : '';
    return `<figure class="plot ${name}${wide}" v-pre role="img" aria-label="${alt.replace(/"/g, '&quot;')}">\n${body}\n</figure>`;
  });
  return styles.length === 0 ? result : `${result}\n\n<style>\n${styles.join('\n')}\n</style>\n`;
}
