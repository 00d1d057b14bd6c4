/** Returns the name that the user probably meant. At most a third of its letters differ. */
export function nearestTo(given: string, names: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const name of names) {
    if (given.length > 0 && name.startsWith(given)) return name;
    const steps = distance(given, name);
    if (steps < least) [nearest, least] = [name, steps];
  }
  return nearest !== undefined && least <= nearest.length / 3 ? nearest : undefined;
}

/** Returns the number of letters to insert, remove or replace (Levenshtein). */
function distance(a: string, b: string): number {
  // All names are short. A very long input gets no suggestion, because its comparison would be slow.
  if (a.length > 100) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
