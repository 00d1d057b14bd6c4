// What user code throws need not be an Error, nor have a text: it must neither end the process nor get lost.
import { type Context, type Handler, isHeadraceError, type Logger } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { coreOf } from '../src/channel/transport-channel.ts';

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const unreadable = new Error('unreadable');
Object.defineProperty(unreadable, 'code', {
  get() {
    throw new Error('no code');
  },
});

const HOSTILE: readonly [string, () => unknown][] = [
  ['an object without a prototype', () => Object.create(null)],
  ['a revoked Proxy', revoked],
  [
    'an object whose toString throws',
    () => ({
      toString() {
        throw new Error('no text');
      },
    }),
  ],
  ['an error whose code cannot be read', () => unreadable],
  ['an error with a symbol for a name', () => Object.assign(new Error('x'), { name: Symbol('x') })],
  ['a symbol', () => Symbol('thrown')],
  ['nothing', () => undefined],
];

/** Reads everything of an error that a log line does. */
class StrictLogger implements Logger {
  readonly lines: string[] = [];
  log(level: string, message: string, error?: Error): void {
    const { code } = (error ?? {}) as { code?: unknown };
    this.lines.push(`${level} ${message} ${error?.name} ${error?.message} ${String(code)}`);
  }
}

describe.each(HOSTILE)('%s', (_what, make) => {
  let warnings: unknown[];
  beforeEach(() => {
    warnings = [];
    vi.spyOn(process, 'emitWarning').mockImplementation((warning) => void warnings.push(warning));
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  const thrower = (): never => {
    throw make();
  };
  const rejecter = async (): Promise<void> => {
    throw make();
  };

  it('becomes an Error that can be read', () => {
    const error = toError(make());
    expect(error).toBeInstanceOf(Error);
    expect(typeof `${error.name}: ${error.message} ${(error as { code?: string }).code}`).toBe(
      'string',
    );
    expect(isHeadraceError(make())).toBe(false);
  });

  it.each([
    ['channelRead', thrower],
    ['channelRead', rejecter],
    ['handlerAdded', thrower],
  ] as const)('thrown by %s closes the channel, with one line', async (event, act) => {
    const logger = new StrictLogger();
    const hooks = { unhandledException: undefined as never };
    const channel = EmbeddedChannel.with({ logger, hooks, register: false }, {
      [event]: act,
    } as Handler);
    channel.register();
    channel.run(() => channel.embedded.sink.received('x'));
    await new Promise((resolve) => setImmediate(resolve));
    channel.runPendingTasks();
    expect(channel.isOpen).toBe(false);
    expect(logger.lines.filter((line) => line.includes('no handler caught'))).toHaveLength(1);
  });

  it('thrown by exceptionCaught is logged', () => {
    const logger = new StrictLogger();
    const channel = EmbeddedChannel.with({ logger }, { exceptionCaught: thrower });
    channel.run(() => channel.pipeline.fireExceptionCaught(new Error('first')));
    expect(logger.lines).toHaveLength(1);
  });

  it('thrown by a write fails its future, and by a listener of it is a warning', () => {
    const channel = new EmbeddedChannel({ write: thrower });
    expect(channel.write('x').error).toBeInstanceOf(Error);
    const taken = new EmbeddedChannel();
    taken.writeAndFlush('x').onSettled(thrower);
    taken.onClosed(thrower);
    taken.close();
    expect(warnings).toHaveLength(2);
    for (const warning of warnings) expect(toError(warning)).toBe(warning);
  });

  it('rejected by a write’s promise fails its future', async () => {
    const channel = new EmbeddedChannel({ write: rejecter });
    await expect(Promise.resolve(channel.write('x'))).rejects.toBeInstanceOf(Error);
  });

  it('thrown by the hook for failed writes is logged', () => {
    const logger = new StrictLogger();
    const channel = EmbeddedChannel.with({ logger, hooks: { writeFailed: thrower } });
    channel.run(() => void coreOf(channel)!.output.failedWrite(new Error('w')));
    expect(logger.lines).toHaveLength(1);
  });

  it('thrown by a logger, or what it rejects with, is a warning, and the caller goes on', async () => {
    EmbeddedChannel.with({ logger: { log: thrower } }).logger.log('info', 'a line');
    expect(warnings).toHaveLength(1);
    EmbeddedChannel.with({ logger: { log: rejecter } }).logger.log('info', 'a line');
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toHaveLength(2);
  });

  it('reported by a transport closes the channel', () => {
    const channel = new EmbeddedChannel({ exceptionCaught() {} });
    channel.run(() => channel.embedded.sink.failed(make() as Error));
    expect(channel.closeInfo?.reason).toBe('error');
    expect(channel.write('late').error?.message).toContain('closed');
  });

  it('thrown by a task of a handler’s clock reaches its exceptionCaught', () => {
    const caught: Error[] = [];
    const channel = new EmbeddedChannel({
      handlerAdded: (ctx: Context) => void ctx.clock.schedule(thrower, 10),
      exceptionCaught: (_ctx: Context, error: Error) => void caught.push(error),
    });
    channel.advance(10);
    expect(caught).toHaveLength(1);
  });
});

describe('hooks that return a promise', () => {
  it.each([
    ['unhandledMessage', (channel: EmbeddedChannel): void => channel.embedded.sink.received('m')],
    [
      'unhandledEvent',
      (channel: EmbeddedChannel): void => channel.pipeline.fireUserEventTriggered('e'),
    ],
    [
      'unhandledException',
      (channel: EmbeddedChannel): void => channel.pipeline.fireExceptionCaught(new Error('e')),
    ],
    [
      'writeFailed',
      (channel: EmbeddedChannel): void => void coreOf(channel)!.output.failedWrite(new Error('w')),
    ],
  ] as const)('%s: its rejection is logged, and not unhandled', async (hook, act) => {
    const logger = new StrictLogger();
    const hooks = {
      unhandledException: undefined as never,
      [hook]: async () => {
        throw new Error('in the hook');
      },
    };
    const channel = EmbeddedChannel.with({ logger, hooks });
    channel.run(() => act(channel));
    await new Promise((resolve) => setImmediate(resolve));
    expect(logger.lines.join('\n')).toContain('in the hook');
  });
});
