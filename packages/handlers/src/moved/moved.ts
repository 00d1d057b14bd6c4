/** Refuses an import of what another package has now. @param elsewhere - a name that a third package has, and that package */
export function moved(
  entry: string,
  name: string,
  elsewhere?: readonly [name: string, from: string],
): Record<string, unknown> {
  const rest = elsewhere === undefined ? '' : `. ${elsewhere[0]} is an export of ${elsewhere[1]}`;
  throw new Error(`${entry} is the package ${name} now: npm install ${name}${rest}`);
}

/** Returns what takes the place of an export that another package has now: it refuses each call, as a function or as a class. */
export function movedName(name: string, entry: string, from: string): () => never {
  return function refuse() {
    throw new Error(`${name} is an export of ${entry} now: npm install ${from}`);
  };
}
