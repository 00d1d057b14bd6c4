import { DecodeError, OptionError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { fromPino } from '../../src/logging/from-pino.ts';

function linesOf(level: string, use: (logger: ReturnType<typeof fromPino>) => void): unknown[] {
  const lines: string[] = [];
  use(fromPino(pino({ level }, { write: (line: string) => void lines.push(line) })));
  return lines.map((line) => JSON.parse(line));
}

describe('fromPino, with the real pino', () => {
  it('writes the line of an error that pino cannot print', () => {
    const error = Object.freeze(new Error('frozen'));
    const [line] = linesOf('info', (logger) => logger.log('warn', 'it failed', error));
    expect(line).toMatchObject({ level: 40, msg: 'it failed' });
  });

  it('refuses a value that is not a logger', () => {
    expect(() => fromPino({} as never)).toThrow(OptionError);
  });

  it('writes a line of JSON with the level and the message', () => {
    const [line] = linesOf('info', (logger) => logger.log('warn', 'a "quoted"\ntext'));
    expect(line).toMatchObject({ level: 40, msg: 'a "quoted"\ntext' });
    expect(line).not.toHaveProperty('err');
  });

  it("writes an error as pino's err, and code and details of an error of Headrace", () => {
    const cause = new Error('why');
    const error = new DecodeError('FRAME_TOO_LONG', 'too long', { length: 70_000 }, cause);
    const [own, other] = linesOf('info', (logger) => {
      logger.log('error', 'it failed', error);
      logger.log('error', 'it failed', new TypeError('no function'));
    });
    expect(own).toMatchObject({
      level: 50,
      msg: 'it failed',
      code: error.code,
      details: { length: 70_000 },
      err: { message: expect.stringContaining('too long'), stack: expect.any(String) },
    });
    expect(other).toMatchObject({ err: { type: 'TypeError', message: 'no function' } });
    expect(other).not.toHaveProperty('details');
  });

  it("leaves the choice of levels to pino's own", () => {
    const levels = (['debug', 'info', 'warn', 'error'] as const).slice();
    const write = (level: string) =>
      linesOf(level, (logger) => {
        for (const one of levels) logger.log(one, one);
      }).map((line) => (line as { msg: string }).msg);
    expect(write('debug')).toEqual(levels);
    expect(write('error')).toEqual(['error']);
  });

  it('takes the lines of a channel', () => {
    const lines = linesOf('warn', (logger) => {
      const channel = EmbeddedChannel.with({ logger, hooks: {} });
      channel.run(() => channel.logger.log('warn', `${channel} is slow`));
    });
    expect(lines).toMatchObject([{ msg: expect.stringContaining('is slow') }]);
  });

  it('refuses a value that is not a logger', () => {
    expect(() => fromPino(undefined as never)).toThrow(OptionError);
  });
});
