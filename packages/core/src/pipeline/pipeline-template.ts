import { atOnce } from '../call/at-once.ts';
import { isClass } from '../call/is-class.ts';
import type { Chain, OrMisfit, ReadAfter, WriteAfter } from '../contract/handler-chain.ts';
import type { MessageKind } from '../contract/message-kinds.ts';
import type { OutboundBytes } from '../contract/outbound-bytes.ts';
import type { Channel, Handler, Pipeline } from '../contract.ts';
import { OptionError, PipelineError } from '../errors.ts';
import { excludes, misorderOfReads, misorderOfWrites } from './message-order.ts';
import { TEMPLATE } from './template-mark.ts';

/** A function that creates a handler for one channel. */
export type HandlerFactory = (channel: Channel) => Handler;

/**
 * A source of a template's handlers. It is a function, a `sharable` handler that serves all channels, or a handler with
 * `fresh()`, which creates a handler for each channel.
 */
export type HandlerSource = HandlerFactory | Handler;

/** The handlers that these sources create. */
export type Made<Sources extends readonly unknown[]> = {
  -readonly [K in keyof Sources]: MadeOf<Sources[K]>;
};

/** The handler that a source creates. */
// ReturnType is not used, because its parameter of type any would let a handler through.
export type MadeOf<Source> = Source extends (...args: never) => infer H ? H : Source;

/** The compiler's answer to a handler that can serve only one channel. */
export type ServesOneChannel =
  'a function that makes a new handler: () => new …; a list of handlers is spread: ...list';

/** Whether a source creates handlers for all channels. */
export type ServesAll<Source> = Source extends
  | ((...args: never) => unknown)
  | { readonly sharable: true }
  | { fresh(): Handler }
  ? true
  : false;

/**
 * The sources themselves if their handlers fit each other, or otherwise a {@link Misfit} for the first handler that does not
 * fit.
 */
export type FittingSources<Sources extends readonly unknown[], R, W> = {
  readonly [K in keyof Sources]: ServesAll<Sources[K]> extends true
    ? Chain<Made<Sources>, R, W>[K & keyof Chain<Made<Sources>, R, W>] extends infer Verdict
      ? Verdict extends MadeOf<Sources[K]>
        ? Sources[K]
        : Verdict
      : never
    : ServesOneChannel;
};

/**
 * An immutable list of sources that create the handlers of a pipeline, for any number of channels. A bootstrap accepts a
 * template instead of a function that builds a pipeline.
 *
 * @typeParam R - messages that the next handler reads
 * @typeParam W - messages that the next handler may write
 * @typeParam From - messages that the transport reads
 * @typeParam To - messages that the transport accepts
 */
export class PipelineTemplate<R, W, From = Buffer, To = OutboundBytes> {
  private readonly factories: readonly HandlerFactory[];
  private readonly order: HandlerOrder;
  /** For the compiler only. */
  declare readonly reads: R;
  /** For the compiler only. */
  declare readonly writes: W;
  /** For the compiler only: a transport fits if it reads no other messages, and accepts all that are written. */
  declare readonly transport?: (message: From) => To;

  constructor(factories: readonly HandlerFactory[]);
  /** @internal */
  constructor(factories: readonly HandlerFactory[], order: HandlerOrder);
  constructor(factories: readonly HandlerFactory[], order: HandlerOrder = NO_HANDLERS) {
    this.factories = factories;
    this.order = order;
  }

  /** @internal */
  get [TEMPLATE](): true {
    return true;
  }

  /**
   * Returns a new template with further handlers at the end. A source is a function that creates a handler, a handler that is
   * `sharable`, or a handler with `fresh()`, such as those of a preset: `add(...lengthPrefixed({ maxFrameLength: 65_536 }))`.
   *
   * Throws `OPTION_INVALID` for any other handler. Throws `PIPELINE_ORDER` if a handler cannot read the messages of the handler
   * before it, or if that handler does not accept its writes. The order of a handler that a function creates is checked at the
   * first message.
   */
  add<const Sources extends readonly unknown[]>(
    ...sources: OrMisfit<Sources, FittingSources<Sources, R, W>>
  ): PipelineTemplate<ReadAfter<Made<Sources>, R>, WriteAfter<Made<Sources>, W>, From, To> {
    const given = sources as readonly unknown[] as readonly HandlerSource[];
    const factories = [...this.factories, ...given.map(factoryOf)];
    return new PipelineTemplate(factories, given.reduce(orderAfter, this.order));
  }

  /** Adds new handlers to a channel's pipeline. */
  initialize(channel: Channel): Pipeline<R, W> {
    for (const make of this.factories)
      channel.pipeline.addLast(atOnce('a function of the template', make(channel)));
    return channel.pipeline as Pipeline<R, W>;
  }
}

/** The kinds of messages that the last handlers of a template pass on and accept, if they are known. */
interface HandlerOrder {
  readonly given: KnownKind | undefined;
  readonly accepted: KnownKind | undefined;
}

/** A kind of message, and the handler that it comes from. */
interface KnownKind {
  readonly kind: MessageKind;
  readonly handler: Handler;
}

const NO_HANDLERS: HandlerOrder = { given: undefined, accepted: undefined };

/** Returns the order after one more handler. Throws a `PipelineError` if the order cannot work. */
function orderAfter(order: HandlerOrder, source: HandlerSource): HandlerOrder {
  if (typeof source === 'function') return NO_HANDLERS;
  const { given, accepted } = order;
  const after = (kind: MessageKind | undefined) => kind && { kind, handler: source };
  const kinds = source.messageKinds ?? {};
  const readsOn = source.channelRead !== undefined;
  const writesOn = source.write !== undefined;
  if (readsOn && differ(given, kinds.reads)) {
    throw new PipelineError('PIPELINE_ORDER', misorderOfReads(source, given.kind, given.handler));
  }
  if (writesOn && differ(accepted, kinds.writes)) {
    const text = misorderOfWrites(accepted.handler, kinds.writes!, source);
    throw new PipelineError('PIPELINE_ORDER', text);
  }
  return {
    given: readsOn ? after(kinds.passesOn) : given,
    accepted: writesOn ? after(kinds.accepts) : accepted,
  };
}

function differ(one: KnownKind | undefined, kind: MessageKind | undefined): one is KnownKind {
  return one !== undefined && kind !== undefined && excludes(one.kind, kind);
}

/** Converts a source to a function. Refuses a source that would fail or could serve only one channel. */
function factoryOf(source: HandlerSource): HandlerFactory {
  if (isClass(source)) throw notSource(`the class ${source.name}`, `() => new ${source.name}(…)`);
  if (typeof source === 'function') return source;
  if (typeof source !== 'object' || source === null) throw notSource(String(source), '() => …');
  if (Array.isArray(source)) throw notSource('an array', '...handlers');
  if (source.sharable === true) return () => source;
  // A subclass might have inherited a method that creates its base class.
  if (source.fresh?.().constructor === source.constructor) return () => source.fresh!();
  const name = source.constructor?.name ?? 'Handler';
  throw notSource(`${name}, which serves one channel only`, `() => new ${name}(…)`);
}

function notSource(given: string, cure: string): OptionError {
  return new OptionError(
    'OPTION_INVALID',
    `add takes functions that make handlers, but got ${given}: .add(${cure})`,
    { option: 'add' },
  );
}

/**
 * Creates an empty {@link PipelineTemplate}.
 *
 * @typeParam R - messages that the transport reads. Default: Buffers. For a WebSocket, `pipeline<WebSocketInput, WebSocketOutput>()`;
 *   for a listening channel, `pipeline<Channel, never>()`
 * @typeParam W - messages that the transport accepts. Default: bytes
 * @example
 * ```ts
 * const lines = pipeline().add(() => new LineFrameDecoder({ maxLength: 80 }), () => new StringCodec());
 * const server = await new ServerBootstrap().childHandler(lines.add(() => new EchoHandler())).bind({ port: 7 });
 * ```
 */
export function pipeline<R = Buffer, W = OutboundBytes>(): PipelineTemplate<R, W, R, W> {
  return new PipelineTemplate([]);
}
