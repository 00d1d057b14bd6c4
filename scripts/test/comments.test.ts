import { expect, it } from 'vitest';
import { checkComments } from '../comments/check.ts';
import { describeProblem } from '../problem.ts';
import { tree } from './tree.ts';

/** The problems of a package whose only entry exports all of a file. */
function problemsOf(text: string): string[] {
  const root = tree({
    'packages/one/package.json': {
      name: '@headrace/one',
      exports: { '.': { '@headrace/source': './src/index.ts' } },
    },
    'packages/one/src/index.ts': "export * from './one.ts';",
    'packages/one/src/guards.ts': `export function checkOpen(isOpen: boolean): void {
      if (!isOpen) throw new ChannelError('CHANNEL_CLOSED', 'closed');
    }`,
    'packages/one/src/one.ts': text,
  });
  return checkComments(root).problems.map(describeProblem);
}

const FILE = 'packages/one/src/one.ts';
const closes = "throw new ChannelError('CHANNEL_CLOSED', 'closed');";

it('asks for a sentence for each exported name', () => {
  expect(problemsOf('export type Name = string;')).toEqual([
    `${FILE}:1: Name has no sentence that says what it is`,
  ]);
  expect(problemsOf('/** @see others */\nexport const name = 1;')).toHaveLength(1);
  expect(problemsOf('/** A name. */\n// a tool\nexport type Name = string;')).toEqual([]);
  expect(problemsOf('/** @internal */\nexport type Name = string;')).toEqual([]);
  expect(problemsOf('type Hidden = string;')).toEqual([]);
});

it('asks for no sentence for a member', () => {
  const members = "text = ''; get length(): number { return 0; } close(): void {}";
  expect(
    problemsOf(`/** One. */ export class One { ${members} protected end(): void {} }`),
  ).toEqual([]);
  expect(problemsOf('/** Two. */ export type Two = {\n a: 1 } | {\n b: 2 };')).toEqual([]);
});

it('asks for the errors that a function throws, by its class or its code', () => {
  const problem = (said: string): string =>
    `${FILE}:2: send throws ${said}, and does not say so: @throws`;
  const send = (words: string, body: string): string[] =>
    problemsOf(`/** Sends. ${words} */\nexport function send() { ${body} }`);
  expect(send('', closes)).toEqual([problem('ChannelError CHANNEL_CLOSED')]);
  expect(send('@throws ChannelError after the end', closes)).toEqual([]);
  expect(send('Throws `CHANNEL_CLOSED` after the end.', closes)).toEqual([]);
  expect(send('', "return Promise.reject(new TimedOutError(ERRORS.TOO_LATE, ''));")).toEqual([
    problem('TimedOutError TOO_LATE'),
  ]);
  expect(send('', `try { ${closes} } catch { return; }`)).toEqual([]);
  expect(send('', `return () => { ${closes} };`)).toEqual([]);
  expect(send('', `return new Promise(() => { ${closes} });`)).toHaveLength(1);
  expect(send('', "throw new Error('a bug');")).toEqual([]);
});

it('follows the calls within a file, and to the guards of others', () => {
  const close = `function close() { ${closes} }\n`;
  expect(problemsOf(`${close}/** Ends. */\nexport const end = () => close();`)).toHaveLength(1);
  const make = "function closed() { return new ChannelError('CHANNEL_CLOSED', ''); }\n";
  expect(problemsOf(`${make}/** Ends. */\nexport function end() { throw closed(); }`)).toHaveLength(
    1,
  );
  const guard = "import { checkOpen } from './guards.ts';\n";
  expect(
    problemsOf(`${guard}/** Ends. */\nexport function end() { checkOpen(true); }`),
  ).toHaveLength(1);
});

it('knows the methods of a class, and the comments that they inherit', () => {
  const classOf = (words: string, access = ''): string[] =>
    problemsOf(`interface Ends { /** ${words} */ end(): void }
      /** Ends. */
      export class One implements Ends { ${access} end() { this.close(); } private close() { ${closes} } }`);
  expect(classOf('Ends.')).toEqual([expect.stringContaining('One.end throws ChannelError')]);
  expect(classOf('Ends. @throws ChannelError')).toEqual([]);
  expect(classOf('Ends.', 'private')).toEqual([]);
});

it('leaves out the errors of options, which are the same everywhere', () => {
  const throws = "throw new OptionError('OPTION_INVALID', 'no');";
  expect(problemsOf(`/** Is. */\nexport function is(name: string) { ${throws} }`)).toHaveLength(1);
  expect(problemsOf(`/** Is. */\nexport function is(o: IsOptions) { ${throws} }`)).toEqual([]);
  expect(
    problemsOf(`/** Is. */\nexport class Is { constructor(n: string) { ${throws} } }`),
  ).toEqual([]);
});

it('asks for the unit of a number among options, and what happens without an option', () => {
  const options = (member: string): string[] =>
    problemsOf(`/** Options. */\nexport interface SendOptions { ${member} }`);
  expect(options('/** The limit. */ limit: number;')).toEqual([
    `${FILE}:2: SendOptions.limit has no unit`,
  ]);
  expect(options('/** The limit, in bytes. */ limit: number;')).toEqual([]);
  expect(options('/** Messages that may wait. */ limit: number;')).toEqual([]);
  expect(options('/** The limit. */ limitMs: number;')).toEqual([]);
  expect(options('/** The place. */ place?: string;')).toEqual([
    `${FILE}:2: SendOptions.place does not say what happens without it: @default`,
  ]);
  expect(options('/** The place. @default none */ place?: string;')).toEqual([]);
  expect(options('/** The place. Without it, all. */ place?: string;')).toEqual([]);
  expect(options('/** Ends it. */ signal?: AbortSignal;')).toEqual([]);
});

it('asks for the unit of a time', () => {
  const problem = (name: string): string => `${FILE}:2: ${name} is a time without a unit`;
  expect(problemsOf('/** Waits. */\nexport function wait(now: number) {}')).toEqual([
    problem('wait(now)'),
  ]);
  expect(problemsOf('/** @param now - in ms. Waits. */\nexport class Wait {}')).toHaveLength(1);
  expect(
    problemsOf('/** Waits, in milliseconds. */\nexport function wait(now: number) {}'),
  ).toEqual([]);
  expect(
    problemsOf('/** An event. */\nexport interface Seen { /** The time. */ seenAt: number }'),
  ).toEqual([problem('Seen.seenAt')]);
});

it('lets a member inherit the comment of the interface or class that declares it', () => {
  const timesIn = (text: string): string[] =>
    problemsOf(text).flatMap((one) => /: (\S+) is a time without a unit/.exec(one)?.[1] ?? []);
  const named = (members: string, between = ''): string =>
    `/** Has a time. */ export interface Named { ${members} }
     ${between}`;
  const one = (what: string): string =>
    `/** One. */ export class One ${what} { at: number = 0; until: number = 0; }`;
  const told = '/** In ms. */ at: number; /** In ms. */ until: number';
  expect(timesIn(named(told) + one('implements Named'))).toEqual([]);
  expect(timesIn(named(told) + one(''))).toEqual(['One.at', 'One.until']);
  expect(timesIn(named('at: number') + one('implements Named'))).toEqual([
    'Named.at',
    'One.at',
    'One.until',
  ]);
  const alias = "type Part = Pick<Named, 'at'>;\n";
  const part =
    '/** One. */ export class One implements Part { /** @throws Error */ at: number = 0; }';
  expect(timesIn(named(told, alias) + part)).toEqual([]);
  // As the compiler has it: what a base class implements is none of its subclass, unless the base has the member.
  const base = (members: string): string =>
    `/** A base. */ export class Base implements Partial<Named> { ${members} }\n`;
  expect(timesIn(named(told, base('at: number = 0;')) + one('extends Base'))).toEqual([
    'One.until',
  ]);
});
