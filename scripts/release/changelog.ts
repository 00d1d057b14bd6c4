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

/** Number of changesets up to which their list is a section that one reads. */
const SHORT = 20;

/** Whether a release has so many changesets that its section is written by hand, in `changes/next.md`. */
export function needsNotes(changesets: readonly string[]): boolean {
  return changesets.length > SHORT;
}

/**
 * A section whose text was written by hand, with links to the lists of all changes.
 *
 * @param notes - what a user does, and what is new
 * @param details - path of the list of the kernel's changes
 */
export function notesSection(version: string, day: string, notes: string, details: string): string {
  const lists = `All changes of the kernel: [${details}](${details}). Each other package lists its own in its folder.`;
  // The notes are in a folder, and the changelog is not.
  return [`## ${version} (${day})`, notes.trim().replaceAll('](../', ']('), lists].join('\n\n');
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
