import { describe, expect, it } from 'vitest';
import { TEMPLATES } from '../src/templates.ts';
import { all, stagesOf } from './fixture/dockerfile.ts';
import { filesOf } from './fixture/project.ts';

const programs = TEMPLATES.filter(({ firstScript }) => firstScript === 'start');

describe.each(programs)('the image of $name', ({ name }) => {
  const files = filesOf(name);
  const stages = stagesOf(files.get('Dockerfile')!);
  const last = stages.at(-1);

  it('is built in a stage of its own, and has what runs in production only', () => {
    expect(stages).toHaveLength(2);
    expect(all(stages[0], 'FROM')).toEqual(['node:24-slim AS build']);
    expect(all(last, 'FROM')).toEqual(['node:24-slim']);
    expect(all(last, 'COPY')).toEqual([
      '--from=build /app/package.json ./',
      '--from=build /app/node_modules ./node_modules',
      '--from=build /app/dist ./dist',
    ]);
    expect(all(last, 'RUN').concat(all(last, 'ADD'))).toEqual([]);
  });

  it('installs before it copies the sources, so that their change installs nothing', () => {
    const steps = stages[0]!.filter(([one]) => one === 'COPY' || one === 'RUN');
    expect(steps.map(([one]) => one)).toEqual(['COPY', 'RUN', 'COPY', 'RUN']);
    expect(steps[2]![1]).toBe('. .');
  });

  it('has no secret, no test, and nothing that was made outside', () => {
    const ignored = files.get('.dockerignore')!.split('\n');
    expect(ignored).toEqual(
      expect.arrayContaining([
        ...['node_modules', 'dist', '.git', '**/*.test.ts'],
        ...['**/.env*', '**/.npmrc', '**/*.pem', '**/*.key'],
      ]),
    );
    for (const stage of stages) {
      expect(all(stage, 'ARG')).toEqual([]);
      expect(all(stage, 'ENV').join(' ')).not.toMatch(/TOKEN|SECRET|PASSWORD|KEY/i);
    }
  });

  it('runs Node as process 1, in production, by a user that is not root', () => {
    expect(JSON.parse(all(last, 'CMD').join())).toEqual(['node', 'dist/main.js']);
    expect(all(last, 'ENTRYPOINT')).toEqual([]);
    const names = last!.map(([one]) => one);
    expect(all(last, 'USER')).toEqual(['1000:1000']);
    expect(names.indexOf('USER')).toBeGreaterThan(names.lastIndexOf('COPY'));
    expect(all(last, 'ENV')).toEqual(['NODE_ENV=production HOST=0.0.0.0']);
    expect(JSON.parse(files.get('package.json')!).scripts.start).toBe('node dist/main.js');
  });

  it('listens on the ports that it names', () => {
    const main = files.get('src/main.ts')!;
    const ports = name === 'reconnecting-client' ? [] : [/portSetting\('PORT', (\d+)\)/.exec(main)];
    const health = /portSetting\('HEALTH_PORT', (\d+)\)/.exec(files.get('src/health.ts')!);
    const named = all(last, 'EXPOSE').join(' ').split(' ');
    for (const port of [...ports, health]) expect(named).toContain(port![1]);
    expect(all(last, 'HEALTHCHECK').join()).toContain(`HEALTH_PORT || ${health![1]})`);
  });
});

it('a package has no image', () => {
  const files = filesOf('handler-package');
  expect(files.has('Dockerfile') || files.has('.dockerignore')).toBe(false);
});
