import type { Context, Handler, HandlerRef } from '@headrace/core';
import { callInContext, describeOptions, value } from '@headrace/core/authoring';

/** The handlers that {@link switchProtocol} removes and adds. */
export interface SwitchProtocolOptions {
  /** The handlers of the handshake: its framing, its codec, its sign-in. Handlers that are not in the pipeline are ignored. */
  readonly remove: readonly HandlerRef[];
  /** The new handlers in their order from head to tail, or a function that adds them itself. */
  readonly add: readonly Handler[] | (() => void);
}

const OPTIONS = describeOptions('switchProtocol', {
  remove: value('an array of handlers, their names or classes', Array.isArray, { required: true }),
  add: value('an array of handlers, or a function that adds them', isAddable, { required: true }),
});

function isAddable(add: unknown): boolean {
  return Array.isArray(add) || typeof add === 'function';
}

/**
 * Ends a handshake before another protocol on the same connection, for example a line with credentials before raw bytes, SOCKS,
 * or HTTP CONNECT. Bytes that the peer sent directly after the handshake, even in the same read, pass on to the new handlers
 * unchanged: each byte once, in order, and not decoded by the old framing.
 *
 * Call the function in the event that ends the handshake (such as an `AuthenticatedEvent`), with the context of the handler that
 * received the event. The new handlers are added directly after that handler. Write the last answer of the handshake before the
 * call. If the decision needs time, hold reads (`holdReads`) from the message that started the decision, so that the decoders
 * stop there. `AuthHandler` does this.
 *
 * @example
 * ```ts run
 * import { LineFrameDecoder, StringCodec } from '@headrace/codec';
 * import { type Context, type Handler } from '@headrace/core';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { AuthenticatedEvent, AuthHandler, switchProtocol } from '@headrace/handlers';
 *
 * const begin: Handler = {
 *   userEventTriggered(ctx: Context, event: unknown) {
 *     if (!(event instanceof AuthenticatedEvent)) return;
 *     switchProtocol(ctx, { remove: [LineFrameDecoder, StringCodec, AuthHandler, begin], add: [raw] });
 *   },
 * };
 * const raw: Handler = {
 *   channelRead: (_ctx, bytes: Buffer) => console.log(JSON.stringify(String(bytes))),
 * };
 * const authenticate = async (id: string) => ({ principal: { id } });
 * const channel = new EmbeddedChannel(
 *   new LineFrameDecoder(), new StringCodec(), new AuthHandler({ authenticate }), begin,
 * );
 * channel.writeInbound(Buffer.from('ann\nhello\r\nworld\r\nrest'));
 * await new Promise((resolve) => setImmediate(resolve));
 * // prints "hello\r\nworld\r\nrest"
 * ```
 * @see {@link replaceWith}, for one handler that holds messages itself
 */
export function switchProtocol(ctx: Context, options: SwitchProtocolOptions): void {
  const { remove, add } = OPTIONS.resolve(options);
  const { channel, pipeline } = ctx;
  // A handler that is removed may release reads, but the decoders before it must not continue yet.
  const hold = channel.holdReads('switchProtocol');
  try {
    if (typeof add === 'function') {
      const returned: unknown = add();
      callInContext(ctx, () => returned);
    }
    // Each handler is added directly after ctx, so the last handler is added first.
    else for (const handler of add.toReversed()) pipeline.addAfter(ctx.name, handler);
    // From tail to head: bytes that a removed decoder passes on must not reach another old handler.
    for (const handler of inPipeline(ctx, remove).reverse()) pipeline.removeIfExists(handler);
  } finally {
    hold.release();
  }
}

/** Returns the handlers that are in the pipeline, from head to tail. */
function inPipeline({ pipeline }: Context, refs: readonly HandlerRef[]): Handler[] {
  const wanted = new Set(refs.map((ref) => pipeline.get(ref)));
  return [...pipeline].map(([, handler]) => handler).filter((handler) => wanted.has(handler));
}
