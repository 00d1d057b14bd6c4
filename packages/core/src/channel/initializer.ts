import { callSafely } from '../call/call-safely.ts';
import { isClass } from '../call/is-class.ts';
import { isPromiseLike } from '../call/promise-like.ts';
import type { Channel, Context, Handler } from '../contract.ts';
import { OptionError } from '../errors.ts';
import { isTemplate } from '../pipeline/template-mark.ts';
import { coreOf } from './transport-channel.ts';

/**
 * A handler that builds a channel's pipeline when the handler is added, and then removes itself. Handlers that
 * `initialize` adds with `addLast` stand after the existing handlers. If `initialize` throws, the channel is closed.
 *
 * @throws OptionError `OPTION_INVALID` if `initialize` is not a function
 * @see Netty's `ChannelInitializer`
 */
export function initializer(initialize: (channel: Channel) => void): Handler {
  checkBuilder('initializer()', initialize);
  return new Initializer(initialize);
}

class Initializer implements Handler {
  private readonly initialize: (channel: Channel) => void;

  constructor(initialize: (channel: Channel) => void) {
    this.initialize = initialize;
  }

  handlerAdded(ctx: Context): void {
    initializeSafely(ctx.channel, this.initialize);
    ctx.pipeline.removeIfExists(this);
  }
}

/** Calls the initializer, and closes the channel if the initializer throws or rejects. */
export function initializeSafely(channel: Channel, initialize: (channel: Channel) => void): void {
  callSafely(initialize, channel, (error) => {
    channel.logger.log('error', `${channel} its initializer threw; closing`, error);
    const core = coreOf(channel);
    if (core === undefined) channel.close('error');
    else core.failWith(error);
  });
}

/**
 * Checks that `initialize` is a function. A handler would serve only one channel, and a class cannot be called.
 *
 * @param where - what received it: a method (`.handler`), a function (`initializer()`), or an option
 */
export function checkBuilder(where: string, initialize: unknown): void {
  if (typeof initialize === 'function' && !isClass(initialize)) return;
  const [given, body] = wrongBuilder(initialize);
  throw new OptionError(
    'OPTION_INVALID',
    `${where} takes a function that builds the pipeline of a channel, but got ${given}: ` +
      givenTo(where, `(channel) => ${body}`),
    { option: where },
  );
}

/** Returns the code that gives a value to a method, a function or an option. */
function givenTo(where: string, value: string): string {
  if (where.endsWith('()')) return `${where.slice(0, -1)}${value})`;
  return where.startsWith('.') ? `${where}(${value})` : `${where}: ${value}`;
}

/** Returns the value as text, and the body of the function to write instead. */
function wrongBuilder(given: unknown): readonly [given: string, body: string] {
  if (isTemplate(given)) return ['a template', 'template.initialize(channel)'];
  const [shown, handlers] = wrongHandlers(given);
  return [shown, `channel.pipeline.addLast(${handlers})`];
}

function wrongHandlers(given: unknown): readonly [given: string, handlers: string] {
  if (isClass(given)) return [`the class ${given.name}`, `new ${given.name}(…)`];
  if (Array.isArray(given)) return ['an array', '...handlers'];
  if (isPromiseLike(given)) return ['a promise', '…'];
  const name = (given as object | null | undefined)?.constructor?.name;
  if (typeof given === 'object' && name !== undefined && name !== 'Object') {
    return [name, `new ${name}(…)`];
  }
  return [typeof given === 'object' && given !== null ? 'an object' : String(given), '…'];
}
