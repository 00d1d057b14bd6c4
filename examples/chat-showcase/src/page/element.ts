// Building and finding elements. Whatever is shown goes through text nodes, never through markup.

export function element<T extends keyof HTMLElementTagNameMap>(
  tag: T,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (string | Node)[]
): HTMLElementTagNameMap[T] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function byId<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no element "${id}".`);
  return found as T;
}

/** The same color for a name on every page: FNV-1a over the name, as an angle of the color wheel. */
export function tint(target: HTMLElement, id: string): void {
  let hash = 0x811c9dc5;
  for (const character of id) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193);
  target.style.setProperty('--hue', String((hash >>> 0) % 360));
}

/** The first letter of a name, before it. */
export function avatar(id: string): HTMLElement {
  const [letter = ''] = id;
  return element('span', { class: 'avatar', 'aria-hidden': 'true' }, letter.toUpperCase());
}
