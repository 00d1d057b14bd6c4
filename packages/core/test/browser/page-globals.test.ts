import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { process as pageProcess, setImmediate } from '../../src/browser/node-globals.ts';
import { inspect } from '../../src/browser/node-util.ts';
import { onlyOnNode } from '../../src/browser/only-on-node.ts';
import { silentLogger, stderrLogger } from '../../src/browser/stderr-logger.ts';

describe('the default logger of a page', () => {
  const levels = ['debug', 'info', 'warn', 'error'] as const;
  let lines: unknown[][];

  beforeEach(() => {
    lines = [];
    for (const level of levels) {
      vi.spyOn(console, level).mockImplementation((...what) => void lines.push([level, ...what]));
    }
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });

  it('writes to the console, from its level on, with the error as it is', () => {
    vi.stubEnv('HEADRACE_DEBUG', undefined);
    const logger = stderrLogger();
    const error = new Error('why');
    for (const level of levels) logger.log(level, 'a message');
    logger.log('error', 'a failure', error);
    expect(lines).toEqual([
      ['warn', 'a message'],
      ['error', 'a message'],
      ['error', 'a failure:', error],
    ]);
    expect(() => stderrLogger('loud' as never)).toThrow('level');
  });

  it('has a silent one beside it', () => {
    silentLogger.log('error', 'nothing');
    expect(lines).toEqual([]);
  });

  it('is where warnings of the process go, too', () => {
    pageProcess.emitWarning('careful');
    expect(lines).toEqual([['warn', 'careful']]);
  });
});

describe("Node's globals in a page", () => {
  afterEach(() => vi.unstubAllGlobals());

  it('run tasks in their order, one for each turn of the event loop', async () => {
    const done: (number | string)[] = [];
    for (const task of [1, 2, 3]) {
      setImmediate(() => {
        done.push(task);
        queueMicrotask(() => done.push(`after ${task}`));
      });
    }
    expect(done).toEqual([]);
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(done).toEqual([1, 'after 1', 2, 'after 2', 3, 'after 3']);
  });

  it('say what the page is to be debugged for, and nothing where it may not ask', () => {
    vi.stubGlobal('localStorage', { HEADRACE_DEBUG: 'Idle*' });
    expect(pageProcess.env.HEADRACE_DEBUG).toBe('Idle*');
    vi.stubGlobal('localStorage', undefined);
    expect(pageProcess.env.HEADRACE_DEBUG).toBeUndefined();
    Object.defineProperty(globalThis, 'localStorage', {
      configurable: true,
      get: () => {
        throw new Error('a sandbox');
      },
    });
    expect(pageProcess.env.HEADRACE_DEBUG).toBeUndefined();
    vi.unstubAllGlobals();
    Reflect.deleteProperty(globalThis, 'localStorage');
  });
});

it('what needs Node says so when it is called, and when it is made', () => {
  const Bootstrap = onlyOnNode('Bootstrap') as new () => unknown;
  expect(() => new Bootstrap()).toThrow('Bootstrap needs Node.js');
  expect(() => (Bootstrap as unknown as () => void)()).toThrow('Bootstrap needs Node.js');
  expect({} instanceof Bootstrap).toBe(false);
});

describe('a value in a line of the log of a page', () => {
  it('shows an error by its name, its code and its text', () => {
    expect(inspect(new Error('x'))).toBe('[Error: x]');
    expect(inspect({ cause: new RangeError('too far'), at: 1 })).toBe(
      '{"cause":"[RangeError: too far]","at":1}',
    );
    const coded = Object.assign(new TypeError('no'), { code: 'ERR_NO' });
    expect(inspect(coded)).toBe('[TypeError [ERR_NO]: no]');
  });

  it('shows what JSON has no word for', () => {
    expect(inspect(new Map([['a', 1]]))).toBe('{"Map":[["a",1]]}');
    expect(inspect(new Set([1]))).toBe('{"Set":[1]}');
    expect(inspect(undefined)).toBe('undefined');
    expect(inspect('text')).toBe('"text"');
    expect(inspect({ n: 1n })).toBe('{"n":"1"}');
    const round: Record<string, unknown> = {};
    round['self'] = round;
    expect(inspect(round)).toBe('{"self":"…"}');
  });
});
