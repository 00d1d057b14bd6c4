import type { Address, Context, Handler, Types } from '@headrace/core';
import { carrierOf, describeOptions, isOpenedHere, object, text } from '@headrace/core/authoring';
import type { Attributes, Span, Tracer } from '@opentelemetry/api';
import { closeCategory } from '../metrics/close-category.ts';

/** Options of a {@link TracingHandler}. */
export interface TracingOptions {
  readonly tracer: Tracer;
  /** Name of a channel's span. @default 'headrace.channel' */
  readonly spanName?: string;
}

const OPTIONS = describeOptions('TracingHandler', {
  tracer: object('a Tracer of OpenTelemetry', { required: true }),
  spanName: text('a text', { default: 'headrace.channel' }),
});

// The values of OpenTelemetry's enums, so that its module is not loaded here.
const KIND_SERVER = 1;
const KIND_CLIENT = 2;
const STATUS_ERROR = 2;

/**
 * A handler that makes an OpenTelemetry span of each connection, from active to inactive. The span has the connection's
 * network and addresses, its errors and the reason for its close. It is a client's if this program has opened the connection, and a
 * server's if a peer has.
 *
 * ```text
 *  wire | [trace] | frame | codec | app
 * ```
 *
 * - **Place** First.
 * - **In** Anything.
 * - **Out** The same.
 * - **Events** Forwards all.
 * - **Errors** Records the errors of the transport and of the handlers before it. Raises none.
 * - **State** One channel: its span.
 * - **Cost** Nothing per message.
 * - **Pitfalls** A span is exported when it ends. A connection that lasts a week appears after a week.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { TracingHandler } from '@headrace/handlers/opentelemetry';
 *
 * const span = { setAttributes: () => {}, setStatus: () => {}, end: () => console.log('ended') };
 * const tracer = { startSpan: (name: string) => { console.log(name); return span; } };
 * const channel = new EmbeddedChannel(new TracingHandler({ tracer: tracer as never }));
 * channel.finish();
 * // prints headrace.channel
 * // prints ended
 * ```
 * @see https://opentelemetry.io/docs/specs/semconv/attributes-registry/network/
 */
export class TracingHandler implements Handler {
  declare readonly types: Types;
  private readonly tracer: Tracer;
  private readonly spanName: string;
  private span: Span | undefined = undefined;

  constructor(options: TracingOptions) {
    const { tracer, spanName } = OPTIONS.resolve(options);
    this.tracer = tracer;
    this.spanName = spanName;
  }

  handlerAdded(ctx: Context): void {
    if (ctx.isActive) this.begin(ctx);
  }

  channelActive(ctx: Context): void {
    this.begin(ctx);
    ctx.fireChannelActive();
  }

  exceptionCaught(ctx: Context, error: Error): void {
    this.span?.recordException(error);
    ctx.fireExceptionCaught(error);
  }

  private begin(ctx: Context): void {
    if (this.span !== undefined) return;
    const { channel } = ctx;
    const span = this.tracer.startSpan(this.spanName, {
      kind: isOpenedHere(channel) ? KIND_CLIENT : KIND_SERVER,
      attributes: {
        'headrace.channel.id': channel.id,
        ...carrierAttributes(carrierOf(channel)),
        ...addressAttributes('network.local', channel.localAddress),
        ...addressAttributes('network.peer', channel.remoteAddress),
      },
    });
    this.span = span;
    // Also works if the handler is removed before the end.
    channel.onClosed(({ closeInfo }) => {
      const { reason, by, error } = closeInfo!;
      span.setAttributes({ 'headrace.close.reason': reason, 'headrace.close.by': by });
      if (closeCategory(reason) === 'fault') {
        span.setStatus({ code: STATUS_ERROR, message: error?.message ?? reason });
      }
      span.end();
    });
  }
}

function carrierAttributes(carrier: string | undefined): Attributes {
  return carrier === undefined ? {} : { 'network.transport': carrier };
}

function addressAttributes(prefix: string, address: Address | undefined): Attributes {
  if (address === undefined) return {};
  if ('path' in address) return { [`${prefix}.address`]: address.path };
  return { [`${prefix}.address`]: address.host, [`${prefix}.port`]: address.port };
}
