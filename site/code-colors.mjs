/** A rule of the style sheet: `.vp-code .c1 { --shiki-light: #a0111f; --shiki-dark: #ff9492; }`; without `.c1` it is the plain text's. */
const RULE =
  /\.vp-code(?: \.(c\d+))? \{\s*--shiki-light: (#[\da-f]{6});\s*--shiki-dark: (#[\da-f]{6});\s*\}/g;
const TOKEN =
  /<span style="--shiki-light:(#[\dA-F]{6});--shiki-dark:(#[\dA-F]{6});?">([^<]*)<\/span>/gi;

/**
 * Code whose colors stand in the style sheet, once: each of its words would bring them along, and all words of all
 * samples are in the site twice. A color that the style sheet does not know stays where it is.
 */
export function withClasses(html, styles) {
  const names = new Map();
  for (const [, name = '', light, dark] of styles.matchAll(RULE)) names.set(light + dark, name);
  return html.replace(TOKEN, (token, light, dark, text) => {
    const name = names.get((light + dark).toLowerCase());
    if (name === undefined) return token;
    return name === '' ? text : `<span class="${name}">${text}</span>`;
  });
}
