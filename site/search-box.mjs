// VitePress draws the box of the search as a button, and links within options: what reads a page aloud finds neither. Here
// the box is a dialog, and each link is itself the option.
const CHANGES = [
  [
    /role="button"\s+:aria-owns="[^"]*"\s+aria-expanded="true"\s+aria-haspopup="listbox"\s+aria-labelledby="localsearch-label"/,
    'role="dialog" aria-modal="true" :aria-label="buttonText"',
  ],
  [
    /aria-labelledby="localsearch-label"(?=\s+autocapitalize)/,
    'role="combobox" :aria-expanded="results?.length > 0" :aria-label="buttonText"',
  ],
  [
    /:aria-labelledby="results\?\.length \? 'localsearch-label' : undefined"/,
    ':aria-label="results?.length ? buttonText : undefined"',
  ],
  [
    /:id="'localsearch-item-' \+ index"\s+:aria-selected="selectedIndex === index \? 'true' : 'false'"\s+role="option"/,
    'role="presentation"',
  ],
  [
    /:aria-label="\[\.\.\.p\.titles, p\.title\]\.join\(' > '\)"/,
    `:id="'localsearch-item-' + index" :aria-selected="selectedIndex === index" role="option"`,
  ],
  [/<kbd :aria-label/g, '<kbd role="img" :aria-label'],
  [/<span class="title-icon">/, '<span class="title-icon" aria-hidden="true">'],
];

/** A plugin of Vite. It fails when VitePress has changed what it changes. */
export function readableSearchBox() {
  return {
    name: 'readable-search-box',
    enforce: 'pre',
    transform(code, id) {
      if (!id.endsWith('/VPLocalSearchBox.vue')) return undefined;
      return CHANGES.reduce((text, [before, after]) => {
        if (text.search(before) < 0) throw new Error(`the box of the search has no more ${before}`);
        return text.replace(before, after);
      }, code);
    },
  };
}
