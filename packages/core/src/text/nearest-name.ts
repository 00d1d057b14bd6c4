/**
 * Returns the most similar name, if it is similar enough to be the intended name. The comparison ignores units, such as
 * `Seconds` and `Ms`.
 */
export function nearestTo(name: string, names: readonly string[]): string | undefined {
  const limit = Math.max(2, Math.floor(name.length / 3));
  let nearest: string | undefined;
  let least = limit + 1;
  for (const one of names) {
    const distance = distanceOf(withoutUnit(name), withoutUnit(one));
    if (distance < least) {
      least = distance;
      nearest = one;
    }
  }
  return nearest;
}

function withoutUnit(name: string): string {
  return name
    .replace(/(Ms|Millis|Milliseconds|Secs?|Seconds|Timeout|Time|Bytes|Size)$/, '')
    .toLowerCase();
}

/** Returns the Levenshtein distance, which counts insertions, deletions and replacements of one letter. */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const replaced = row[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[other.length]!;
}
