import { describe, expect, it } from 'vitest';
import { readArguments } from '../src/arguments.ts';

const NOTHING = {
  folder: undefined,
  template: undefined,
  name: undefined,
  install: undefined,
  git: undefined,
  yes: false,
  show: undefined,
};

describe('the command line', () => {
  it('may be empty', () => {
    expect(readArguments([])).toEqual(NOTHING);
  });

  it('has a folder and options, in any order, long and short', () => {
    const chosen = { template: 't', yes: true, install: false, git: true, name: 'n' };
    const all = { ...NOTHING, folder: 'a', ...chosen };
    expect(readArguments('a --template t --yes --no-install --git --name n'.split(' '))).toEqual(
      all,
    );
    expect(readArguments('-y -t t --name=n --git --no-install a'.split(' '))).toEqual(all);
  });

  it.each([
    ['--help', 'help'],
    ['-v', 'version'],
    ['-l', 'list'],
  ])('shows something for %s', (option, show) => {
    expect(readArguments([option]).show).toBe(show);
  });

  it('suggests the option that was meant', () => {
    expect(() => readArguments(['--tempalte', 'x'])).toThrow('no option --tempalte; --template?');
    expect(() => readArguments(['--color'])).toThrow('no option --color; --help lists them');
  });

  it('refuses two folders, and an option without its value', () => {
    expect(() => readArguments(['a', 'b'])).toThrow('expected one folder, but got a and b');
    expect(() => readArguments(['--template'])).toThrow(/template/);
  });

  it('refuses --git together with --no-git', () => {
    expect(() => readArguments(['--git', '--no-git'])).toThrow('--git or --no-git, not both');
  });
});
