// The names that an entry exports, as its report says.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A namespace has no `export` in a report. */
const DECLARED =
  /^(?:export (?:abstract )?(?:class|const|enum|function|interface|type)|declare namespace) (\w+)/gm;
/** What a namespace has, and what was imported and is exported. */
const LISTED = /^ *export \{([^}]*)\}/gm;
const STAR = /^export \* from "([^"]+)"/gm;

/** The name of an entry's report: `core` of `@headrace/core`, `core.testing` of `@headrace/core/testing`. */
export function reportName(entry: string): string {
  return entry.replace('@headrace/', '').replaceAll('/', '.');
}

function readReport(folder: string, entry: string): string {
  return readFileSync(join(folder, `${reportName(entry)}.api.md`), 'utf8');
}

/** `Buffer` of `Buffer_2 as Buffer`, which the report writes where a name is that of a global. */
function namesIn(list: string): string[] {
  return list.replaceAll(/\w+ as /g, '').match(/\w+/g) ?? [];
}

/** Those that an import of the entry gives. */
export function importedNames(folder: string, entry: string): ReadonlySet<string> {
  const report = readReport(folder, entry);
  const own = [...report.matchAll(DECLARED)].map(([, name = '']) => name);
  const listed = [...report.matchAll(LISTED)].flatMap(([line, names = '']) =>
    line.startsWith(' ') ? [] : namesIn(names),
  );
  const others = [...report.matchAll(STAR)].flatMap(([, other = '']) =>
    other.startsWith('@headrace/') ? [...importedNames(folder, other)] : [],
  );
  return new Set([...own, ...listed, ...others]);
}

/** Those that a program which imports the entry can write, members of its namespaces included. */
export function knownNames(folder: string, entry: string): ReadonlySet<string> {
  const listed = [...readReport(folder, entry).matchAll(LISTED)];
  const members = listed.flatMap(([, names = '']) => namesIn(names));
  return new Set([...importedNames(folder, entry), ...members]);
}
