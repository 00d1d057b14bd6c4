import { describeOptions, object, toError } from '@headrace/core/authoring';
import { isItemSource } from '@headrace/handlers/call';
import type * as OpenTelemetry from '@opentelemetry/api';
import type { Context, Span, Tracer } from '@opentelemetry/api';
import { WatchedItems } from '../items/watched-items.ts';

/** Options of {@link traceClient} and {@link traceServer}. */
export interface ServiceTracingOptions {
  readonly tracer: Tracer;
  /** The application's `@opentelemetry/api`: `import * as api from '@opentelemetry/api'`. */
  readonly api: Pick<typeof OpenTelemetry, 'context' | 'propagation' | 'trace'>;
}

const OPTIONS = describeOptions('traceClient', {
  tracer: object('a Tracer of OpenTelemetry', { required: true }),
  api: object('the module @opentelemetry/api', { required: true }),
});

// The values of OpenTelemetry's enums, so that its module is not loaded here.
const KIND_SERVER = 1;
const KIND_CLIENT = 2;
const STATUS_ERROR = 2;

/** The traced part of a call, at either end. */
export interface TracedCall {
  /** Name of the service. */
  readonly service: string;
  /** Name of the method. */
  readonly method: string;
  /** `call`, `stream` or `notice`. */
  readonly kind: string;
  /** Headers that carry the context. The client writes them, the server reads them. */
  readonly headers: Record<string, string>;
}

/** An interceptor for either end. */
export type ServiceTracer = (call: TracedCall, next: () => Promise<unknown>) => Promise<unknown>;

/**
 * Makes an interceptor for `clientOf`, which makes a span of each call and stream. The interceptor sends the span's context with
 * the application's propagator, by default as W3C's `traceparent` and `tracestate`.
 *
 * @see https://www.w3.org/TR/trace-context/
 */
export function traceClient(options: ServiceTracingOptions): ServiceTracer {
  const { tracer, api } = OPTIONS.resolve(options);
  return (call, next) => {
    const parent = api.context.active();
    const span = tracer.startSpan(
      nameOf(call),
      { kind: KIND_CLIENT, attributes: ofCall(call) },
      parent,
    );
    const context = api.trace.setSpan(parent, span);
    api.propagation.inject(context, call.headers);
    return traced(call, span, context, api, next);
  };
}

/**
 * Makes an interceptor for `serve`, which makes a span of each call and stream. The span is a child of the caller's span, and the
 * function runs in its context. Put the interceptor first.
 */
export function traceServer(options: ServiceTracingOptions): ServiceTracer {
  const { tracer, api } = OPTIONS.resolve(options, 'traceServer');
  return (call, next) => {
    const parent = api.propagation.extract(api.context.active(), call.headers);
    const span = tracer.startSpan(
      nameOf(call),
      { kind: KIND_SERVER, attributes: ofCall(call) },
      parent,
    );
    return traced(call, span, api.trace.setSpan(parent, span), api, next);
  };
}

function nameOf({ service, method }: TracedCall): string {
  return `${service}/${method}`;
}

/** Returns the attributes that OpenTelemetry's conventions define for remote calls. */
function ofCall({ service, method }: TracedCall): Record<string, string> {
  return { 'rpc.system': 'jsonrpc', 'rpc.service': service, 'rpc.method': method };
}

async function traced(
  { kind }: TracedCall,
  span: Span,
  context: Context,
  api: ServiceTracingOptions['api'],
  next: () => Promise<unknown>,
): Promise<unknown> {
  const ended = (): void => span.end();
  const failed = (thrown: unknown): void => {
    const error = toError(thrown);
    span.recordException(error);
    span.setStatus({ code: STATUS_ERROR, message: error.message });
    span.end();
  };
  // The span of a stream ends with the stream.
  const run = <T>(step: () => T): T => api.context.with(context, step);
  try {
    const answer = await run(next);
    if (kind === 'stream' && isItemSource(answer)) {
      return new WatchedItems(answer, { ended, left: ended, failed, run });
    }
    ended();
    return answer;
  } catch (thrown) {
    failed(thrown);
    throw thrown;
  }
}
