import { describe, expect, it } from 'vitest';
import { managerWords, scriptCommand, withCommands } from '../src/package-manager.ts';
import { projectFiles } from '../src/project-files.ts';
import { TEMPLATES } from '../src/templates.ts';
import { all, stagesOf } from './fixture/dockerfile.ts';
import { WORDS } from './fixture/project.ts';

const MANAGERS = [
  {
    agent: 'npm/11.0.0 node/v24.0.0 linux x64 workspaces/false',
    manager: 'npm',
    install: 'if [ -f package-lock.json ]; then npm ci; else npm install; fi',
    prune: 'npm prune --omit=dev',
    start: 'npm start',
    test: 'npm test',
    device: 'npm run device -- pump-7',
  },
  {
    agent: 'pnpm/10.34.9 npm/? node/v24.0.0 linux x64',
    manager: 'pnpm',
    install:
      'npm install --global pnpm@10.34.9 && if [ -f pnpm-lock.yaml ]; then pnpm install --frozen-lockfile; else pnpm install; fi',
    prune: 'CI=true pnpm prune --prod',
    start: 'pnpm start',
    test: 'pnpm test',
    device: 'pnpm run device pump-7',
  },
  {
    agent: 'yarn/1.22.22 npm/? node/v24.0.0',
    manager: 'yarn',
    // Corepack finds no signature of a classic one that comes by another registry.
    install: 'if [ -f yarn.lock ]; then yarn install --frozen-lockfile; else yarn install; fi',
    prune: 'yarn install --production --frozen-lockfile',
    start: 'yarn start',
    test: 'yarn test',
    device: 'yarn run device pump-7',
  },
  {
    // It runs no prestart and no pretest.
    agent: 'yarn/4.9.2 npm/? node/v24.0.0',
    manager: 'yarn',
    install:
      'corepack enable yarn && corepack install --global yarn@4.9.2 && if [ -f yarn.lock ]; then yarn install --immutable; else yarn install --no-immutable; fi',
    prune: 'yarn workspaces focus --production',
    start: 'yarn run build && yarn start',
    test: 'yarn run build && yarn test',
    device: 'yarn run device pump-7',
  },
  {
    agent: 'bun/1.3.0 npm/? node/v24.0.0',
    manager: 'bun',
    install:
      'npm install --global bun@1.3.0 && if [ -f bun.lock ]; then bun install --frozen-lockfile; else bun install; fi',
    prune: 'rm -r node_modules && bun install --production',
    start: 'bun run start',
    test: 'bun run test',
    device: 'bun run device pump-7',
  },
] as const;

function filesBy(agent: string, name: string): Map<string, string> {
  const template = TEMPLATES.find((one) => one.name === name)!;
  return projectFiles(template, { ...WORDS, ...managerWords(agent) });
}

const PROGRAMS = TEMPLATES.filter(({ firstScript }) => firstScript === 'start');

describe.each(MANAGERS)('a project of $agent', (its) => {
  const { agent, manager, install, prune } = its;
  const words = managerWords(agent);

  it('is told the commands for what comes next', () => {
    expect(words.manager).toBe(manager);
    expect(scriptCommand(words, 'start')).toBe(its.start);
    expect(scriptCommand(words, 'test')).toBe(its.test);
  });

  it('has them in its README, the comments where they were', () => {
    const lines = filesBy(agent, 'device-gateway').get('README.md')!.split('\n');
    const at = lines.indexOf(`${manager} install`);
    const commands = lines.slice(at, lines.indexOf('```', at));
    expect(commands.map((line) => line.split(/ +# /)[0])).toEqual([
      `${manager} install`,
      its.start,
      its.device,
      its.test,
      `${manager} run check`,
      `${manager} run lint`,
      words.isModernYarn ? 'yarn run build && yarn run dev' : `${manager} run dev`,
    ]);
    const columns = commands.filter((line) => line.length > 60).map((line) => line.indexOf('#'));
    if (!words.isModernYarn) expect(new Set(columns)).toEqual(new Set([28]));
    expect(lines.join('\n')).toContain(`; ${manager} run format repairs`);
  });

  it('has them in its workflows', () => {
    for (const template of TEMPLATES) {
      const files = filesBy(agent, template.name);
      const [workflow = ''] = [...files.keys()].filter((path) => path.startsWith('.github/'));
      const lines = files.get(workflow)!.split('\n');
      for (const command of [install, its.test, `${manager} run check`, `${manager} run lint`]) {
        expect(lines).toContain(`      - run: ${command}`);
      }
    }
  });

  it('has them in its image', () => {
    for (const { name } of PROGRAMS) {
      const [build] = stagesOf(filesBy(agent, name).get('Dockerfile')!);
      expect(all(build, 'RUN')).toEqual([install, `${manager} run build && ${prune}`]);
      expect(all(build, 'COPY')[0]).toMatch(/^package\.json \*lock\* /);
      expect(install).toContain(words.lockfile);
      expect(words.lockfile).toContain('lock');
    }
  });

  it('has none of another', () => {
    for (const { name } of TEMPLATES) {
      for (const [path, text] of filesBy(agent, name)) {
        // Scripts run where Node is, and npm is there, too. npm publishes.
        if (path === 'package.json') continue;
        const others = text
          .replaceAll(/npm install --global \S+/g, '')
          .match(/\b(npm|pnpm|yarn|bun) (install|start|test|ci|run \S+)(?! +[^\s#;&)`|]).*/g);
        for (const other of others ?? []) expect(other, path).toMatch(new RegExp(`^${manager} `));
      }
    }
  });
});

describe('the package manager', () => {
  it.each([undefined, '', 'something/1.0'])('of %j is npm', (agent) => {
    expect(managerWords(agent).manager).toBe('npm');
  });

  it('is the latest where none says its version', () => {
    expect(managerWords('pnpm/? node/v24.0.0').install).toContain('pnpm@latest ');
  });

  it('keeps packages in node_modules, which an image copies', () => {
    const settings = (agent: string) => filesBy(agent, 'line-server').get('.yarnrc.yml');
    expect(settings('yarn/4.9.2')).toBe('nodeLinker: node-modules\n');
    expect(settings('yarn/1.22.22')).toBeUndefined();
    expect(settings('npm/11.0.0')).toBeUndefined();
  });

  it('leaves what others do with a package', () => {
    const text = 'npm install thing @headrace/core, npm publish, npm run client -- a';
    expect(withCommands(text, managerWords('pnpm/10.0.0'))).toBe(
      'npm install thing @headrace/core, npm publish, pnpm run client a',
    );
  });
});
