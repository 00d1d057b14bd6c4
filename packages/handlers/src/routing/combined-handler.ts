import {
  type Context,
  type Handled,
  type Handler,
  OptionError,
  type Types,
  type TypesOf,
} from '@headrace/core';
import { throwerOf } from '@headrace/core/authoring';

const INBOUND = [
  'channelRegistered',
  'channelActive',
  'channelRead',
  'channelReadComplete',
  'channelWritabilityChanged',
  'userEventTriggered',
  'channelShutdown',
  'channelInactive',
  'channelUnregistered',
] as const satisfies readonly (keyof Handler)[];
const OUTBOUND = [
  'read',
  'write',
  'flush',
  'shutdown',
  'close',
] as const satisfies readonly (keyof Handler)[];

/**
 * Puts a handler that reads and a handler that writes into a pipeline as one step, for example a decoder and its encoder.
 *
 * ```text
 *  wire | [decoder + encoder] | app
 * ```
 *
 * - **Place** Where its parts belong.
 * - **In** The messages that the inbound part reads.
 * - **Out** The messages that the inbound part passes on. Written messages go through the outbound part.
 * - **Events** The events of its parts.
 * - **Errors** `OPTION_INVALID` if a part has methods of the other direction, and the errors of its parts. An error that the
 *   outbound part throws in `read` or `flush` reaches its own `exceptionCaught`, and then that of the inbound part.
 * - **State** The state of its parts. Their contexts replace this handler when it is added.
 * - **Cost** None: its parts stand in the pipeline themselves.
 * - **Pitfalls** After the addition, only its parts are in the pipeline. Remove or look up each part by itself.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { CombinedHandler } from '@headrace/handlers';
 *
 * const channel = new EmbeddedChannel(new CombinedHandler(
 *   { channelRead: (ctx, bytes: Buffer) => ctx.fireChannelRead(String(bytes)) },
 *   { write: (ctx, text: string) => ctx.write(Buffer.from(text)) },
 * ));
 * channel.writeInbound(Buffer.from('in'));
 * channel.writeOutbound('out');
 * console.log(channel.readInbound(), String(channel.readOutbound()));
 * // prints in out
 * ```
 * @see Netty's `CombinedChannelDuplexHandler`
 */
export class CombinedHandler<In extends Handler, Out extends Handler> implements Handler {
  declare readonly types: Types<{
    reads: TypesOf<In>['reads'];
    passesOn: TypesOf<In>['passesOn'];
    accepts: TypesOf<Out>['accepts'];
    writes: TypesOf<Out>['writes'];
  }>;
  /** The handler that reads. */
  readonly inbound: In;
  /** The handler that writes. */
  readonly outbound: Out;

  constructor(inbound: In, outbound: Out) {
    refuse(inbound, OUTBOUND, 'inbound');
    refuse(outbound, INBOUND, 'outbound');
    this.inbound = inbound;
    this.outbound = outbound;
  }

  handlerAdded(ctx: Context): void {
    const { pipeline } = ctx;
    const { inbound, outbound } = this;
    const mayThrow = outbound.read !== undefined || outbound.flush !== undefined;
    if (mayThrow && inbound.exceptionCaught !== undefined) {
      pipeline.addAfter(ctx.name, new ErrorReturn(inbound, outbound));
    }
    pipeline.addAfter(ctx.name, outbound);
    pipeline.addAfter(ctx.name, inbound);
    pipeline.remove(ctx.name);
  }
}

/**
 * A handler after the outbound part that returns errors of the outbound part to the inbound part. Errors move towards the tail,
 * so they would not reach the inbound part, which stands before.
 */
class ErrorReturn implements Handler {
  private readonly inbound: Handler;
  private readonly outbound: Handler;
  private readonly returned = new WeakSet<Error>();

  constructor(inbound: Handler, outbound: Handler) {
    this.inbound = inbound;
    this.outbound = outbound;
  }

  exceptionCaught(ctx: Context, error: Error): Handled {
    const { pipeline } = ctx;
    const inbound = pipeline.context(this.inbound);
    const isItsOwn = throwerOf(error) === pipeline.context(this.outbound)?.name;
    if (inbound === undefined || !isItsOwn || this.returned.has(error)) {
      ctx.fireExceptionCaught(error);
      return;
    }
    // If the inbound part fires the error on, the error arrives here again.
    this.returned.add(error);
    return this.inbound.exceptionCaught?.(inbound, error);
  }
}

function refuse(part: Handler, methods: readonly (keyof Handler)[], name: string): void {
  const wrong = methods.find((method) => part[method] !== undefined);
  if (wrong === undefined) return;
  const type = part.constructor.name;
  throw new OptionError(
    'OPTION_INVALID',
    `the ${name} part, ${type}, has a ${wrong} method: add a handler for both directions by itself, without CombinedHandler`,
    { option: name },
  );
}
