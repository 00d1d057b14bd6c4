// The program that the user installs packages with, and its commands.

/** A package manager. */
export type PackageManager = 'npm' | 'pnpm' | 'yarn' | 'bun';

const LOCKFILES = {
  npm: 'package-lock.json',
  pnpm: 'pnpm-lock.yaml',
  yarn: 'yarn.lock',
  bun: 'bun.lock',
} as const;

/** A package manager's commands and files, in place of npm's in a template. */
export interface ManagerWords {
  readonly manager: PackageManager;
  readonly lockfile: string;
  /** In place of `npm ci`, for a shell that has Node and npm: installs it, then the dependencies, those of its lockfile if there is one. */
  readonly install: string;
  /** In place of `npm prune --omit=dev`: removes the dependencies of the development. */
  readonly prune: string;
  /** It runs no `prestart` before `start`, and has a way of its own to keep packages, without node_modules. */
  readonly isModernYarn: boolean;
}

/** Those of the one that runs us, by what it puts into `npm_config_user_agent`; of npm if none says so. */
export function managerWords(userAgent = ''): ManagerWords {
  const [, name = '', version = 'latest'] = /^(\w+)\/(\d[\w.-]*)?/.exec(userAgent) ?? [];
  const isModernYarn = name === 'yarn' && !version.startsWith('1.');
  const manager = name in LOCKFILES ? (name as PackageManager) : 'npm';
  const lockfile = LOCKFILES[manager];
  // pnpm and modern yarn install otherwise than asked when CI is set: the commands say all.
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
      // Images of Node 20 to 24 have classic yarn, which npm does not replace, and corepack, which gets a modern one.
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

/** The command that runs a script of package.json, `start` or `test` for example. */
export function scriptCommand(words: ManagerWords, script: string): string {
  const { manager, isModernYarn } = words;
  // bun's own `test` and yarn's own `check` are other programs than the scripts of these names.
  const isShort = /^(start|test)$/.test(script) && manager !== 'bun';
  const command = `${manager} ${isShort ? '' : 'run '}${script}`;
  const isBuilt = isModernYarn && /^(start|test|dev|server)$/.test(script);
  return isBuilt ? `yarn run build && ${command}` : command;
}

/** A text of a template, which has the commands of npm, with those of another; comments after them stay in their column. */
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
