// `npm run release:version`: the next versions and changelogs, from the changesets.
import { writeVersions } from './release/versions.ts';
import { root } from './workspace.ts';

try {
  const day = new Date().toISOString().slice(0, 10);
  for (const { tag, entries, changelog } of writeVersions(root, day)) {
    console.log(`${tag}: ${entries} changes, see ${changelog}`);
  }
  console.log('review and commit; the release workflow sets these tags (RELEASING.md)');
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
