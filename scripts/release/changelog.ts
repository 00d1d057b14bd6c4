// The section of a version in CHANGELOG.md.
const HEADER = /^---\n[\s\S]*?\n---\n/;
const BREAKING = /\bBreaking\b/;

/**
 * Changesets as one section: its version and day, what breaks before what does not, each in the order given. A changeset
 * states what breaks, and what to do, after the word "Breaking".
 */
export function changelogSection(
  version: string,
  day: string,
  changesets: readonly string[],
): string {
  const entries = changesets
    .map((text) => text.replace(HEADER, '').trim())
    .filter((entry) => entry !== '');
  const breaking = entries.filter((entry) => BREAKING.test(entry));
  const others = entries.filter((entry) => !BREAKING.test(entry));
  return [`## ${version} (${day})`, ...part('Breaking', breaking), ...part('Also', others)].join(
    '\n\n',
  );
}

/** Number of lines of a section that one reads to its end: a screen. */
const SCREEN = 50;

/** Whether a section lists so much that its text is written by hand, in `changes/next.md`. */
export function needsNotes(section: string): boolean {
  return section.split('\n').length > SCREEN;
}

/** The kernel's text in `changes/next.md`, and that of each package, which stands below the package's name as a heading. */
export function readNotes(text: string): ReadonlyMap<string, string> {
  const [kernel = '', ...parts] = text.split(/^## /m);
  const notes = new Map(
    parts.map((part) => {
      const end = part.indexOf('\n');
      return [part.slice(0, end).trim(), part.slice(end).trim()];
    }),
  );
  return kernel.trim() === '' ? notes : notes.set(KERNEL_NOTES, kernel.trim());
}

/** Name of the kernel's text: all its packages have the version of this one. */
export const KERNEL_NOTES = '@headrace/core';

/**
 * A section whose text was written by hand, with a link to the list of all changes.
 *
 * @param notes - what a user does, and what is new
 * @param details - path of the list, from the root
 * @param toRoot - path from the changelog's folder to the root
 */
export function notesSection(
  version: string,
  day: string,
  notes: string,
  details: string,
  toRoot = '',
): string {
  const list = `All changes: [${details}](${toRoot}${details}).`;
  // The notes are in a folder of the root.
  return [`## ${version} (${day})`, notes.replaceAll('](../', `](${toRoot}`), list].join('\n\n');
}

/** The section of a version in a changelog, without its heading. */
export function sectionOf(changelog: string, version: string): string {
  const sections = changelog.split(/^## /m);
  const found = sections.find((section) => section.startsWith(`${version} `)) ?? '';
  return found.slice(found.indexOf('\n')).trim();
}

/** Whether a changeset is about one of these packages. */
export function isAbout(changeset: string, names: readonly string[]): boolean {
  const [header = ''] = HEADER.exec(changeset) ?? [];
  return names.some((name) => header.includes(`'${name}':`) || header.includes(`"${name}":`));
}

/** Whether a changeset states that something breaks, and yet asks for no more than a patch. */
export function isUnderstated(changeset: string): boolean {
  const [header = ''] = HEADER.exec(changeset) ?? [];
  return BREAKING.test(changeset) && !/: m(?:in|aj)or$/m.test(header);
}

function part(title: string, entries: readonly string[]): string[] {
  if (entries.length === 0) return [];
  return [
    `### ${title}`,
    entries.map((entry) => `- ${entry.replaceAll(/\n(?=.)/g, '\n  ')}`).join('\n'),
  ];
}
