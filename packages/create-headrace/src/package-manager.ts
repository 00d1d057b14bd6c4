// The user's package manager and its commands.

/** A package manager. */
export type PackageManager = 'npm' | 'pnpm' | 'yarn' | 'bun';

const LOCKFILES = {
  npm: 'package-lock.json',
  pnpm: 'pnpm-lock.yaml',
  yarn: 'yarn.lock',
  bun: 'bun.lock',
} as const;

/** The commands and files of a package manager, which replace those of npm in a template. */
export interface ManagerWords {
  readonly manager: PackageManager;
  readonly lockfile: string;
  /**
   * The command that replaces `npm ci`, for a shell with Node and npm. The command installs the package manager if necessary,
   * and then the dependencies, which the lockfile defines if the lockfile exists.
   */
  readonly install: string;
  /** The command that replaces `npm prune --omit=dev` and removes the development dependencies. */
  readonly prune: string;
  /**
   * Whether the package manager is a modern yarn, which does not run `prestart` before `start`, and stores packages without
   * node_modules.
   */
  readonly isModernYarn: boolean;
}

/** Returns the words of the package manager that runs this program, according to `npm_config_user_agent`, by default npm. */
export function managerWords(userAgent = ''): ManagerWords {
  const [, name = '', version = 'latest'] = /^(\w+)\/(\d[\w.-]*)?/.exec(userAgent) ?? [];
  const isModernYarn = name === 'yarn' && !version.startsWith('1.');
  const manager = name in LOCKFILES ? (name as PackageManager) : 'npm';
  const lockfile = LOCKFILES[manager];
  // pnpm and modern yarn change their defaults if CI is set. The commands therefore state each option.
  const {
    get = '',
    frozen,
    loose = `${manager} install`,
    prune,
  } = {
    npm: { frozen: 'npm ci', prune: 'npm prune --omit=dev' },
    pnpm: {
      get: `npm install --global pnpm@${version} && `,
      frozen: 'pnpm install --frozen-lockfile',
      prune: 'CI=true pnpm prune --prod',
    },
    yarn: {
      // Images of Node 20 to 24 contain classic yarn, which npm does not replace, and corepack, which installs a modern
      // yarn.
      ...(isModernYarn
        ? {
            get: `corepack enable yarn && corepack install --global yarn@${version} && `,
            frozen: 'yarn install --immutable',
            loose: 'yarn install --no-immutable',
            prune: 'yarn workspaces focus --production',
          }
        : {
            frozen: 'yarn install --frozen-lockfile',
            prune: 'yarn install --production --frozen-lockfile',
          }),
    },
    bun: {
      get: `npm install --global bun@${version} && `,
      frozen: 'bun install --frozen-lockfile',
      prune: 'rm -r node_modules && bun install --production',
    },
  }[manager] as { get?: string; frozen: string; loose?: string; prune: string };
  return {
    manager,
    lockfile,
    install: `${get}if [ -f ${lockfile} ]; then ${frozen}; else ${loose}; fi`,
    prune,
    isModernYarn,
  };
}

/** Returns the command that runs a script of package.json, for example `start` or `test`. */
export function scriptCommand(words: ManagerWords, script: string): string {
  const { manager, isModernYarn } = words;
  // bun's own `test` and yarn's own `check` do not run the scripts of these names.
  const isShort = /^(start|test)$/.test(script) && manager !== 'bun';
  const command = `${manager} ${isShort ? '' : 'run '}${script}`;
  const isBuilt = isModernYarn && /^(start|test|dev|server)$/.test(script);
  return isBuilt ? `yarn run build && ${command}` : command;
}

/**
 * Returns a template's text with the commands of another package manager in place of npm's. Comments after commands stay in their
 * column.
 */
export function withCommands(text: string, words: ManagerWords): string {
  const { manager, lockfile, install, prune } = words;
  const translated = (some: string): string =>
    some.replaceAll(
      /\bnpm (?:install(?! +[^\s#])|(?:run )?(start|test|(?<=run )[\w:-]+)( --(?= ))?)/g,
      (command, script?: string) => {
        if (manager === 'npm') return command;
        return script === undefined ? `${manager} install` : scriptCommand(words, script);
      },
    );
  const inColumn = text.replaceAll(/^(npm .*?\S)( +)(?=# )/gm, (line, command: string) =>
    `${translated(command)} `.padEnd(line.length),
  );
  return translated(inColumn)
    .replaceAll('package-lock.json', () => lockfile)
    .replaceAll('npm prune --omit=dev', () => prune)
    .replaceAll(/\bnpm ci$/gm, () => install);
}
