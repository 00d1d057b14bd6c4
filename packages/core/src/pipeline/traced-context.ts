import type { Handler } from '../contract.ts';
import { textOf } from '../errors.ts';
import { type ContextOwner, HandlerContext } from './handler-context.ts';
import * as mask from './handler-mask.ts';
import { messageText } from './message-text.ts';

/**
 * Returns a pattern for the handlers that `HEADRACE_DEBUG` names. The variable contains names of classes or of handlers,
 * separated by commas or spaces. `*` matches any part of a name.
 */
export function tracedNames(variable: string | undefined): RegExp | undefined {
  const given = (variable ?? '').split(/[\s,]+/).filter((name) => name !== '');
  // The values that enable debugging in other programs.
  const names = given.map((name) => (/^(1|true|all)$/i.test(name) ? '*' : name));
  if (names.length === 0) return undefined;
  const patterns = names.map((name) =>
    name.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*'),
  );
  return new RegExp(`^(?:${patterns.join('|')})(?:#\\d+)?$`);
}

let traced: RegExp | false | undefined;

/** Creates the context of a handler. The context logs each event if `HEADRACE_DEBUG` names the handler. */
export function contextFor(pipeline: ContextOwner, handler: Handler, name: string): HandlerContext {
  // The environment is read once, because a read costs more than a context.
  traced ??= tracedNames(process.env.HEADRACE_DEBUG) ?? false;
  if (traced === false || !isTraced(traced, handler, name)) {
    return new HandlerContext(pipeline, handler, name);
  }
  return new TracedContext(pipeline, handler, name);
}

function isTraced(pattern: RegExp, handler: Handler, name: string): boolean {
  return pattern.test(name) || pattern.test(handler.constructor?.name ?? '');
}

type Line = (context: HandlerContext, argument: unknown) => string | undefined;

/** The log line of each event of a handler, and of each event and operation that the handler starts. */
const LINES = {
  invokeChannelRead: (_, message) => `channelRead ${messageText(message)}`,
  invokeChannelReadComplete: () => 'channelReadComplete',
  invokeExceptionCaught: ({ bits }, error) =>
    (bits & mask.EXCEPTION_CAUGHT) === 0 ? undefined : `exceptionCaught ${textOf(error)}`,
  invokeRead: () => 'read',
  invokeWrite: (_, message) => `write ${messageText(message)}`,
  invokeFlush: () => 'flush',
  fireChannelRead: (_, message) => `fires channelRead ${messageText(message)}`,
  fireChannelActive: () => 'fires channelActive',
  fireChannelInactive: () => 'fires channelInactive',
  fireChannelWritabilityChanged: ({ channel }) =>
    `fires channelWritabilityChanged, isWritable ${channel.isWritable}`,
  fireUserEventTriggered: (_, event) => `fires userEventTriggered ${messageText(event)}`,
  fireChannelShutdown: (_, direction) => `fires channelShutdown ${direction}`,
  fireExceptionCaught: (_, error) => `fires exceptionCaught ${textOf(error)}`,
  write: (_, message) => `calls write ${messageText(message)}`,
  flush: () => 'calls flush',
  shutdown: (_, direction = 'output') => `calls shutdown ${direction}`,
  close: (_, reason = 'local') => `calls close ${reason}`,
} satisfies { readonly [Method in keyof HandlerContext]?: Line };

/** A context that logs the events and the operations of its handler at level debug. */
export class TracedContext extends HandlerContext {
  static {
    for (const [method, lineOf] of Object.entries<Line>(LINES)) {
      const { value } = Object.getOwnPropertyDescriptor(HandlerContext.prototype, method)!;
      Object.defineProperty(TracedContext.prototype, method, {
        value(this: TracedContext, argument?: unknown): unknown {
          const line = lineOf(this, argument);
          const { channel, name } = this;
          if (line !== undefined) channel.logger.log('debug', `${channel} ${name} ${line}`);
          return value.call(this, argument);
        },
      });
    }
  }
}
