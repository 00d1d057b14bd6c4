import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ChannelError, DecodeError, PipelineError, stderrLogger } from '../../src/index.ts';
import { markExpected } from '../../src/log/own-fault.ts';

let written: string[] = [];

beforeEach(() => {
  written = [];
  vi.useFakeTimers();
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  vi.useRealTimers();
});

describe('the default logger', () => {
  it('escapes what could break or forge a line, or hide in it', () => {
    stderrLogger().log('warn', 'name x\n2026 error FAKE\r\u001b[31m\u0085\u2028\u202e\u200b é');
    expect(written).toHaveLength(1);
    expect(written[0]).toContain(
      'name x\\n2026 error FAKE\\r\\x1b[31m\\x85\\u2028\\u202e\\u200b é\n',
    );
  });

  it("writes the stack of an error of the program, and one line for a peer's fault", () => {
    const logger = stderrLogger();
    logger.log('warn', 'ours', new TypeError('x is not\na function'));
    expect(written[0]).toMatch(/ours: TypeError: x is not\\na function\n {4}at .*\n/);
    logger.log('warn', 'wired wrongly', new PipelineError('PIPELINE_STATE', 'no'));
    expect(written[1]).toMatch(/\n {4}at /);
    logger.log('warn', 'theirs', new DecodeError('FRAME_TOO_LONG', 'too long'));
    const reset = Object.assign(new Error('read ECONNRESET'), { syscall: 'read' });
    logger.log('warn', 'the network', reset);
    const cause = new RangeError('bad offset');
    logger.log('warn', 'a decoder', new DecodeError('DECODER_FAILED', 'threw', {}, cause));
    expect(written.slice(2, 4).map((text) => text.trimEnd().split('\n').length)).toEqual([1, 1]);
    expect(written[4]).toMatch(/\n {4}at /);
  });

  it("writes one line for a message that a peer's bytes made a library refuse", () => {
    const thrown = new RangeError('Offset is outside the bounds of the DataView');
    const codes = ['MESSAGE_INVALID', 'FRAME_CORRUPT', 'FRAME_TOO_LONG', 'TEXT_NOT_UTF8'] as const;
    for (const code of codes) {
      stderrLogger().log(
        'warn',
        'theirs',
        new DecodeError(code, `no message (${code})`, {}, thrown),
      );
      const inner = new DecodeError(code, `no answer (${code})`, {}, thrown);
      stderrLogger().log('warn', 'lost', new ChannelError('CHANNEL_CLOSED', code, {}, inner));
    }
    expect(written).toHaveLength(8);
    for (const text of written) expect(text.trimEnd()).not.toContain('\n');
  });

  it('writes the text of an error once if the message contains it', () => {
    const logger = stderrLogger();
    const error = markExpected(new Error('no room'));
    logger.log('warn', '[id: 1] the check failed: no room', error);
    logger.log('warn', '[id: 1] failed: no room; further ones are not logged', error);
    logger.log('warn', '[id: 1] failed', markExpected(new Error('')));
    expect(written.map((text) => text.replace(/^.* warn /, ''))).toEqual([
      '[id: 1] the check failed: Error: no room\n',
      '[id: 1] failed; further ones are not logged: Error: no room\n',
      '[id: 1] failed: Error: \n',
    ]);
  });

  it('writes one line for an expected error of a function, and the stack of a mistake in it', () => {
    const logger = stderrLogger();
    logger.log('warn', 'no server', markExpected(new Error('all servers are full')));
    const given = new ChannelError('CHANNEL_CLOSED', 'given up', {}, markExpected(new Error('no')));
    logger.log('warn', 'no client', given);
    logger.log('warn', 'a mistake', markExpected(new TypeError('x is not a function')));
    expect(written.map((text) => text.includes('\n    at '))).toEqual([false, false, true]);
  });

  it('ends the line of an error of ours with the address of its explanation', () => {
    stderrLogger().log('warn', 'theirs', new DecodeError('FRAME_TOO_LONG', 'too long'));
    expect(written).toEqual([
      expect.stringMatching(
        /theirs: DecodeError: too long \(https:\/\/headrace\.github\.io\/headrace\/errors#hr_err_frame_too_long\)\n$/,
      ),
    ]);
  });

  it('counts lines that repeat, and writes how many they were', () => {
    const logger = stderrLogger();
    for (let i = 0; i < 1000; i++) {
      const channel = `[id: 0x${(i + 7).toString(16).padStart(8, '0')}, L:127.0.0.1:80 ! R:10.0.0.${i}:${i}]`;
      logger.log('warn', `${channel} ${i} bytes of "${String(i)}\\"x" are no frame`);
    }
    expect(written).toHaveLength(10);
    logger.log('warn', 'something else');
    expect(written).toHaveLength(11);
    vi.advanceTimersByTime(10_000);
    expect(written).toHaveLength(12);
    expect(written[11]).toContain('warn 990 more lines like this in 10 s: ');
    logger.log('warn', '[id: 0x00000001] 5 bytes of "a" are no frame');
    expect(written).toHaveLength(13);
  });

  it('keeps a bounded number of kinds, however many a stranger makes up', () => {
    const logger = stderrLogger();
    for (let i = 0; i < 10_000; i++) {
      logger.log('warn', `word ${String.fromCharCode(0x4e00 + i)}`);
    }
    expect(written.length).toBeLessThanOrEqual(256 + 10);
  });

  it('does not let strangers hide what the program does wrong', () => {
    const logger = stderrLogger();
    for (let i = 0; i < 10_000; i++) {
      logger.log('warn', `a stranger's word ${String.fromCharCode(0x4e00 + i)}`);
    }
    written.length = 0;
    logger.log('warn', 'an error', new TypeError('x is undefined'));
    logger.log('error', 'its initializer threw');
    expect(written.join('')).toMatch(/x is undefined[\s\S]*its initializer threw/);
  });

  it('cuts a line that is very long, and keeps no more of it', () => {
    const logger = stderrLogger();
    logger.log('warn', 'x'.repeat(100_000));
    expect(written[0]!.length).toBeLessThan(8300);
    expect(written[0]).toContain('x… (100000 characters)\n');
  });

  it('escapes what is not seen: joiners, fillers, selectors, tags', () => {
    stderrLogger().log('warn', 'a\u200d\u3164\ufe0f\u034f\u{e0041}z');
    expect(written[0]).toContain('a\\u200d\\u3164\\ufe0f\\u034f\\u{e0041}z\n');
  });

  it('writes debug lines if HEADRACE_DEBUG asks for all', () => {
    vi.stubEnv('HEADRACE_DEBUG', '');
    stderrLogger().log('debug', 'hidden');
    vi.stubEnv('HEADRACE_DEBUG', '*');
    stderrLogger().log('debug', 'shown');
    expect(written.join('')).toContain('debug shown');
    expect(written).toHaveLength(1);
  });

  it('survives an error whose text cannot be read', () => {
    const error = Object.defineProperty(new Error(), 'message', {
      get() {
        throw new Error('no');
      },
    });
    stderrLogger().log('warn', 'bad', error);
    expect(written[0]).toContain('bad: an error whose text cannot be read');
  });
});

const register = new URL('../../../../scripts/register.mjs', import.meta.url).href;
const program = `
  import { stderrLogger } from '@headrace/core';
  const logger = stderrLogger();
  logger.log('warn', 'one');
  await new Promise((resolve) => setTimeout(resolve, 50));
  logger.log('warn', 'two');
  await new Promise((resolve) => setTimeout(resolve, 50));
  process.stdout.write('alive');
`;

describe('a log that cannot be written', () => {
  const run = (stderr: 'pipe' | number) =>
    spawnSync(
      process.execPath,
      [
        '--conditions=@headrace/source',
        '--import',
        register,
        '--input-type=module',
        '--eval',
        program,
      ],
      {
        cwd: fileURLToPath(new URL('..', import.meta.url)),
        stdio: ['ignore', 'pipe', stderr],
        encoding: 'utf8',
      },
    );

  it.runIf(existsSync('/dev/full'))('does not end the process when its disk is full', () => {
    const full = openSync('/dev/full', 'w');
    const { stdout, status } = run(full);
    closeSync(full);
    expect([stdout, status]).toEqual(['alive', 0]);
  });

  it.runIf(process.platform !== 'win32')('does not end the process when it is closed', () => {
    const { stdout, status } = spawnSync(
      'sh',
      [
        '-c',
        `exec 3>&1; { "$0" "$@" 2>&1 1>&3; echo "exit $?" >&3; } | true`,
        process.execPath,
        '--conditions=@headrace/source',
        '--import',
        register,
        '--input-type=module',
        '--eval',
        program,
      ],
      { cwd: fileURLToPath(new URL('..', import.meta.url)), encoding: 'utf8' },
    );
    expect([stdout, status]).toEqual(['aliveexit 0\n', 0]);
  });
});
