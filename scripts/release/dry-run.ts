// What npm says of a tarball, without the network: everything that it does before it signs and sends.
import { tmpdir } from 'node:os';
import type { Packed } from '../packed-packages.ts';
import { run } from '../program.ts';

/** Nobody listens there. */
const NO_REGISTRY = ['--registry=http://127.0.0.1:9', '--fetch-retries=0'];

/** The problems that `npm publish` has with a package, and its warnings, except that nobody is logged in. */
export async function publishProblems({ name, tarball }: Packed): Promise<string[]> {
  const args = ['publish', tarball, '--dry-run', '--provenance', '--access=public', '--json'];
  // Not in the workspace, whose package manager is another one.
  const { ok, stdout, stderr } = await run('npm', [...args, ...NO_REGISTRY], tmpdir());
  const warnings = stderr
    .split('\n')
    .filter((line) => /^npm (?:warn|error) publish/i.test(line) && !line.includes('logged in'));
  if (!ok) return [`npm publish --dry-run: ${stderr.trim()}`];
  return stdout.includes(`"name": "${name}"`) ? warnings : [...warnings, `npm named no ${name}`];
}
