/** Refuses an import of what another package has now. */
export function moved(entry: string, name: string): Record<string, unknown> {
  throw new Error(`${entry} is the package ${name} now: npm install ${name}`);
}
