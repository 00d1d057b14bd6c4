import { describeOptions, object, toError } from '@headrace/core/authoring';
import type * as OpenTelemetry from '@opentelemetry/api';
import type { Context, Span, Tracer } from '@opentelemetry/api';
import { isItemSource, WatchedItems } from '../call/item-source.ts';

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

// The values of OpenTelemetry's enums, so that nothing of it is loaded here.
const KIND_SERVER = 1;
const KIND_CLIENT = 2;
const STATUS_ERROR = 2;

/** The part of a call, of either end, that is traced. */
export interface TracedCall {
  /** The name of the service. */
  readonly service: string;
  /** The name of the method. */
  readonly method: string;
  /** `call`, `stream` or `notice`. */
  readonly kind: string;
  /** Carries the context: written by the client, read by the server. */
  readonly headers: Record<string, string>;
}

/** An interceptor for either end. */
export type ServiceTracer = (call: TracedCall, next: () => Promise<unknown>) => Promise<unknown>;

/**
 * An interceptor of `clientOf`: makes a span of each call and stream, and sends its context along as the propagator of the
 * application says, by default W3C's `traceparent` and `tracestate`.
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
 * An interceptor of `serve`: makes a span of each call and stream, a child of its caller's, in which the function runs. Put it
 * first.
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

/** The names of OpenTelemetry's conventions for remote calls. */
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
  // The span of a stream ends with it.
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
