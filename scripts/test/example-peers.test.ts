// An example that is installed alone has what its packages expect beside them.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

const manifestsIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${folder}/${name}/package.json`);
const read = (path: string): Manifest => JSON.parse(readFileSync(path, 'utf8'));
const isOurs = (name: string): boolean => name.startsWith('@headrace/');

it('each example names the peers of the packages that it names', () => {
  const packages = new Map(manifestsIn('packages').map((path) => [read(path).name, read(path)]));
  const missing = manifestsIn('examples').flatMap((path) => {
    const { dependencies = {} } = read(path);
    const names = Object.keys(dependencies).filter(isOurs);
    const peers = names.flatMap((name) => {
      const { peerDependencies = {}, peerDependenciesMeta = {} } = packages.get(name)!;
      return Object.keys(peerDependencies).filter(
        (peer) => isOurs(peer) && peerDependenciesMeta[peer]?.optional !== true,
      );
    });
    const absent = new Set(peers.filter((peer) => !(peer in dependencies)));
    return [...absent].map((peer) => `${path} lacks ${peer}`);
  });
  expect(missing).toEqual([]);
});
