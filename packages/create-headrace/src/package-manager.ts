// The program that the user installs packages with, and its commands.

/** A package manager. */
export type PackageManager = 'npm' | 'pnpm' | 'yarn' | 'bun';

const KNOWN: readonly PackageManager[] = ['npm', 'pnpm', 'yarn', 'bun'];

/** The one that runs us, by what it puts into `npm_config_user_agent`; npm if none says so. */
export function packageManagerOf(userAgent: string | undefined): PackageManager {
  const name = userAgent?.split('/')[0];
  return KNOWN.find((known) => known === name) ?? 'npm';
}

/** The command that runs a script of package.json, `start` or `test` for example. */
export function scriptCommand(manager: PackageManager, script: string): string {
  // bun's own `test` is another program than the script of that name.
  if (manager === 'bun') return `bun run ${script}`;
  return `${manager} ${script}`;
}
