import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const PACKAGES = ['core', 'codec', 'handlers'];
const manifestOf = (name: string): { exports: object; peerDependencies?: object } =>
  JSON.parse(
    readFileSync(fileURLToPath(new URL(`../../${name}/package.json`, import.meta.url)), 'utf8'),
  );
const subpathsOf = (name: string): string[] =>
  Object.keys(manifestOf(name).exports)
    .filter((path) => path !== '.' && path !== './package.json')
    .map((path) => path.slice(1));

describe('the umbrella package', () => {
  it('has each name of the three packages, and no other', async () => {
    const umbrella = await import('headrace');
    const names = new Set<string>();
    for (const name of PACKAGES) {
      const entry: Record<string, unknown> = await import(`@headrace/${name}`);
      for (const [key, value] of Object.entries(entry)) {
        names.add(key);
        // Of two names that collide, `export *` has neither.
        expect(umbrella, `${key} of @headrace/${name}`).toHaveProperty(key, value);
      }
    }
    expect(Object.keys(umbrella).sort()).toEqual([...names].sort());
  });

  it('has each subpath of the three packages, with the same names', async () => {
    const paths = [...new Set(PACKAGES.flatMap(subpathsOf))];
    expect(subpathsOf('headrace').sort()).toEqual(paths.sort());
    for (const path of paths) {
      const umbrella: Record<string, unknown> = await import(`headrace${path}`);
      const entries = PACKAGES.filter((name) => subpathsOf(name).includes(path)).map(
        (name): Promise<Record<string, unknown>> => import(`@headrace/${name}${path}`),
      );
      expect({ ...umbrella }, path).toEqual(Object.assign({}, ...(await Promise.all(entries))));
    }
  });

  it('asks for the same optional libraries as the three packages', () => {
    const all = PACKAGES.flatMap((name) => Object.entries(manifestOf(name).peerDependencies ?? {}));
    const others = all.filter(([name]) => !name.startsWith('@headrace/'));
    expect(manifestOf('headrace').peerDependencies).toEqual(Object.fromEntries(others));
  });
});
