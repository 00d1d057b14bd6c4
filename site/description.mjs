const LONGEST = 200;

/** What a page is about, for search engines and links to it: its first paragraph, as plain text. */
export function descriptionOf(markdown) {
  const given = /^---\n[\s\S]*?^description: "?(.*?)"?$[\s\S]*?^---$/m.exec(markdown)?.[1];
  if (given !== undefined) return given;
  const body = markdown
    .replace(/^---\n[\s\S]*?\n---\n/, '')
    .replace(/^ *(`{3,}|~{3,})[\s\S]*?^ *\1.*$/gm, '');
  const first = body
    .split(/\n\s*\n/)
    .find((block) => /^\s*(?:\*\*|`|\[[^!]|[\p{L}"(])/u.test(block));
  if (first === undefined) return '';
  const text = first
    .replace(/\[((?:[^\][]|\[[^\]]*\])*)\]\([^)]*\)/g, '$1')
    .replace(/<[^>]*>|[`*]/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  if (text.length <= LONGEST) return text;
  const cut = text.slice(0, LONGEST);
  const end = Math.max(cut.lastIndexOf('. '), cut.lastIndexOf(': '));
  return end > LONGEST / 3 ? `${cut.slice(0, end)}.` : `${cut.slice(0, cut.lastIndexOf(' '))} …`;
}
