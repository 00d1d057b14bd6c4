/** Refuses an import of what another package has now. @param path - the path in the package */
export function moved(entry: string, name: string, path = ''): Record<string, unknown> {
  const place = path === '' ? `the package ${name}` : `${path} of the package ${name}`;
  throw new Error(`${entry} is ${place} now: npm install ${name}`);
}
