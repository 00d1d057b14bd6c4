import { setImmediate as turn } from 'node:timers/promises';
import { type Context, type Handler, isHeadraceError, type Logger } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it, vi } from 'vitest';
import { LoggingHandler, type LoggingOptions } from '../../src/logging/logging-handler.ts';

interface Recorder extends Logger {
  readonly lines: string[];
  readonly levels: string[];
  readonly errors: unknown[];
}

function recorder(): Recorder {
  const lines: string[] = [];
  const levels: string[] = [];
  const errors: unknown[] = [];
  return {
    lines,
    levels,
    errors,
    log(level, message, error) {
      levels.push(level);
      lines.push(message.replace(/^\[id: 0x[^\]]*\] /, ''));
      if (error !== undefined) errors.push(error);
    },
  };
}

function logged(options: LoggingOptions = {}): { channel: EmbeddedChannel; log: Recorder } {
  const log = recorder();
  const channel = new EmbeddedChannel(new LoggingHandler({ logger: log, ...options }));
  log.lines.length = 0;
  return { channel, log };
}

describe('LoggingHandler', () => {
  it('logs every event and operation at debug, and passes all of them on', () => {
    const log = recorder();
    const seen: string[] = [];
    const witness: Handler = {
      channelRegistered: () => void seen.push('registered'),
      channelActive: () => void seen.push('active'),
      channelRead: () => void seen.push('read'),
      channelReadComplete: () => void seen.push('complete'),
      channelWritabilityChanged: () => void seen.push('writability'),
      userEventTriggered: () => void seen.push('event'),
      channelShutdown: () => void seen.push('shutdown'),
      channelInactive: () => void seen.push('inactive'),
      channelUnregistered: () => void seen.push('unregistered'),
      exceptionCaught: () => void seen.push('exception'),
    };
    const channel = EmbeddedChannel.with(
      { allowHalfOpen: true, writeBufferHighBytes: 100, writeBufferLowBytes: 10 },
      new LoggingHandler({ logger: log }),
      witness,
    );
    channel.writeInbound('in');
    channel.run(() => channel.pipeline.fireUserEventTriggered({ kind: 'hello' }));
    channel.run(() => channel.pipeline.fireExceptionCaught(new Error('broken')));
    channel.writeOutbound('out'.repeat(40));
    channel.endInput();
    channel.run(() => channel.shutdown('output'));
    expect(channel.finish().outbound).toEqual(['out'.repeat(40)]);
    expect(log.lines).toEqual([
      'REGISTERED',
      'ACTIVE',
      'READ REQUEST',
      'READ: "in"',
      'READ COMPLETE',
      'READ REQUEST',
      "USER_EVENT: { kind: 'hello' }",
      'EXCEPTION',
      expect.stringMatching(/^WRITE: "outout/),
      'WRITABILITY CHANGED: false',
      'FLUSH',
      'WRITABILITY CHANGED: true',
      'SHUTDOWN: input',
      'SHUTDOWN REQUEST: output',
      expect.stringMatching(/^CLOSE|^INACTIVE/),
      ...log.lines.slice(15),
    ]);
    expect(log.lines.slice(-2)).toEqual(['INACTIVE: local, by local', 'UNREGISTERED']);
    expect(new Set(log.levels)).toEqual(new Set(['debug']));
    expect(log.errors).toEqual([new Error('broken')]);
    expect(seen).toEqual([
      'registered',
      'active',
      'read',
      'complete',
      'event',
      'exception',
      'writability',
      'writability',
      'shutdown',
      'inactive',
      'unregistered',
    ]);
  });

  it('starts each line with the channel', () => {
    const lines: string[] = [];
    const logger: Logger = { log: (_level, text) => void lines.push(text) };
    const channel = EmbeddedChannel.with({ logger }, new LoggingHandler());
    expect(lines[0]).toBe(`[id: 0x${channel.id}, L:embedded ! R:embedded] REGISTERED`);
    expect(lines[1]).toBe(`${channel} ACTIVE`);
  });

  it('dumps bytes as hex, in both directions, byte sources too', () => {
    const { channel, log } = logged();
    channel.writeInbound(Buffer.from('GET / HTTP/1.1\r\nHost'));
    channel.writeOutbound({
      byteLength: 2,
      writeTo: (target: Uint8Array, at: number) => target.set([0, 255], at),
    });
    expect(log.lines[0]).toBe(
      'READ: 20B\n' +
        '00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  |GET / HTTP/1.1..|\n' +
        '00000010  48 6f 73 74                                       |Host|',
    );
    expect(log.lines[3]).toBe(
      'WRITE: 2B\n00000000  00 ff                                             |..|',
    );
  });

  it('writes only the length in the simple format, and 0B for an empty buffer', () => {
    const { channel, log } = logged({ format: 'simple' });
    channel.writeInbound(Buffer.from('hello'), Buffer.alloc(0));
    expect(log.lines.slice(0, 2)).toEqual(['READ: 5B', 'READ: 0B']);
    const hex = logged();
    hex.channel.writeInbound(Buffer.alloc(0));
    expect(hex.log.lines[0]).toBe('READ: 0B');
  });

  it('shows the content of a message that holds bytes', () => {
    class Frame {
      readonly content: Buffer = Buffer.from('hi');
    }
    const { channel, log } = logged({ format: 'simple' });
    channel.writeInbound(new Frame());
    expect(log.lines[0]).toBe('READ: Frame, 2B');
  });

  it('keeps line feeds of the peer within the line', () => {
    const { channel, log } = logged();
    channel.writeInbound('a\nforged line', { text: 'b\nc' }, new Error('has\na stack'));
    expect(log.lines[0]).toBe('READ: "a\\nforged line"');
    expect(log.lines[1]).not.toContain('\n');
    expect(log.lines[2]).toMatch(/^READ: Error: has a stack at [^\n]+$/);
  });

  it('shows no more of a message than maxBytes', () => {
    const { channel, log } = logged({ maxBytes: 4 });
    channel.writeInbound(Buffer.alloc(20), 'abcdef');
    expect(log.lines[0]).toMatch(/^READ: 20B\n00000000 {2}00 00 00 00 .*\n… 16 more bytes$/);
    expect(log.lines[1]).toBe('READ: "abcd" … 2 more characters');
  });

  it('logs what redact returns, and passes the message itself on', () => {
    const redact = (message: unknown, event: 'READ' | 'WRITE') =>
      event === 'READ' ? String(message).replace(/:.*/, ':***') : message;
    const { channel, log } = logged({ redact });
    channel.writeInbound('AUTH:secret');
    channel.writeOutbound('AUTH:echo');
    expect(log.lines).toContain('READ: "AUTH:***"');
    expect(log.lines).toContain('WRITE: "AUTH:echo"');
    expect(channel.readInbound()).toBe('AUTH:secret');
  });

  it('logs every n-th message and all other events', () => {
    const { channel, log } = logged({ everyMessages: 3 });
    for (let i = 1; i <= 7; i++) channel.writeInbound(i);
    expect(log.lines.filter((line) => line.startsWith('READ:'))).toEqual(['READ: 3', 'READ: 6']);
    expect(log.lines.filter((line) => line === 'READ COMPLETE')).toHaveLength(7);
  });

  it('logs a channel wholly or not at all, and about the share asked for', () => {
    const log = recorder();
    const handler = new LoggingHandler({ logger: log, channelShare: 0.25 });
    const counts = Array.from({ length: 400 }, () => {
      const before = log.lines.length;
      const channel = new EmbeddedChannel(handler);
      channel.writeInbound('x');
      channel.finish();
      return log.lines.length - before;
    });
    const wholly = counts.filter((count) => count > 0);
    expect(new Set(wholly)).toEqual(new Set([9]));
    expect(wholly.length).toBeGreaterThan(90);
    expect(wholly.length).toBeLessThan(110);
  });

  it('warns once of a logger that rejects, and ends no process', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const log = () => Promise.reject(new Error('the disk is full'));
    const channel = new EmbeddedChannel(new LoggingHandler({ logger: { log } }));
    channel.writeInbound('a', 'b');
    await turn();
    expect([channel.readInbound(), channel.readInbound()]).toEqual(['a', 'b']);
    expect(warn.mock.calls.map(([error]) => String(error))).toEqual(['Error: the disk is full']);
    warn.mockRestore();
  });

  it('lets messages through when the logger or redact throws, and warns once', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const broken: Logger = {
      log() {
        throw new Error('disk full');
      },
    };
    const channel = new EmbeddedChannel(new LoggingHandler({ logger: broken }));
    channel.writeInbound('in');
    channel.writeOutbound('out');
    expect(channel.readInbound()).toBe('in');
    expect(channel.readOutbound()).toBe('out');
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
  });

  it('takes level and logger, and the channel logger without one', () => {
    const log = recorder();
    const channel = EmbeddedChannel.with({ logger: log }, new LoggingHandler({ level: 'info' }));
    channel.writeInbound(1);
    expect(new Set(log.levels)).toEqual(new Set(['info']));
  });

  it('refuses invalid options', () => {
    const codeOf = (options: LoggingOptions): boolean => {
      try {
        new LoggingHandler(options);
      } catch (error) {
        return isHeadraceError(error, 'OPTION_INVALID');
      }
      return false;
    };
    expect(codeOf({ channelShare: 1.5 })).toBe(true);
    expect(codeOf({ everyMessages: 0 })).toBe(true);
    expect(codeOf({ maxBytes: -1 })).toBe(true);
  });

  it('returns the future of the write it logged', () => {
    const log = recorder();
    const failing: Handler = {
      write: () => {
        throw new Error('no');
      },
    };
    const app: Handler = {
      channelRead: (ctx: Context, message: unknown) => {
        ctx.writeAndFlush(message).onSettled((error) => ctx.fireChannelRead(error?.message));
      },
    };
    const channel = new EmbeddedChannel(failing, new LoggingHandler({ logger: log }), app);
    channel.writeInbound('x');
    expect(channel.readInbound()).toBe('no');
  });
});
