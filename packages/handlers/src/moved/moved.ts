/** Refuses an import of what another package has now. */
export function moved(entry: string, name: string): Record<string, unknown> {
  throw new Error(`${entry} is the package ${name} now: npm install ${name}`);
}

/** Returns what takes the place of an export that another package has now: it refuses each call, as a function or as a class. */
export function movedName(name: string, entry: string, from: string): () => never {
  return function refuse() {
    throw new Error(`${name} is an export of ${entry} now: npm install ${from}`);
  };
}
