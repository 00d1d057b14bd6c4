import { createHash } from 'node:crypto';

/** A script within the HTML; one with `src` is not. */
const SCRIPT = /<script(?![^>]*\bsrc=)[^>]*>([\s\S]*?)<\/script>/g;
const HEAD = /<meta charset="utf-8">/;

/**
 * Adds the page's Content-Security-Policy: scripts of the site and those that the HTML was built with, nothing from elsewhere. A
 * worker has its own policy, so the code of samples runs there only. VitePress, the editor and Vue write styles.
 */
export function withPolicy(html) {
  const hashes = Array.from(html.matchAll(SCRIPT), ([, code]) => {
    return `'sha256-${createHash('sha256').update(code).digest('base64')}'`;
  });
  const policy = [
    "default-src 'self'",
    ["script-src 'self'", ...new Set(hashes)].join(' '),
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  if (!HEAD.test(html)) throw new Error('a page has no <meta charset="utf-8"> for its policy');
  const meta = `<meta http-equiv="Content-Security-Policy" content="${policy}">`;
  return html.replace(HEAD, (charset) => `${charset}\n    ${meta}`);
}

/** A function in the data that VitePress gives to its pages, as text. */
const FUNCTION = '_vp-fn_';
const MADE = /new Function\(`return \$\{(\w+)\.slice\(\d+\)\}`\)\(\)/;
const TEXT = /JSON\.parse\(("(?:[^"\\]|\\.)*")\)/g;

/** Returns the script with VitePress's data, in which functions are code. A page makes no code of a text. */
export function withoutEval(script) {
  if (!MADE.test(script))
    throw new Error('the data of the pages makes its functions in another way');
  const functions = [];
  const numbered = (_key, value) => {
    if (typeof value !== 'string' || !value.startsWith(FUNCTION)) return value;
    return `${FUNCTION}${functions.push(value.slice(FUNCTION.length)) - 1}`;
  };
  const data = script
    .replace(TEXT, (_call, literal) => {
      const text = JSON.stringify(JSON.parse(JSON.parse(literal), numbered));
      return `JSON.parse(${JSON.stringify(text)})`;
    })
    .replace(MADE, (_call, name) => `functions[${name}.slice(${FUNCTION.length})]`);
  return `const functions=[${functions.join(',')}];${data}`;
}
