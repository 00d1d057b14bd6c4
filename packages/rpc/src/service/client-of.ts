import { OptionError, type WriteFuture } from '@headrace/core';
import {
  describeOptions,
  type ItemSource,
  list,
  observeSource,
  releaseSource,
  type StandardSchema,
  unchecked,
  validate,
} from '@headrace/core/authoring';
import type { CallOptions, StreamOptions } from '../exchange/exchange-options.ts';
import type { JsonRpcCall } from '../exchange/json-rpc-message.ts';
import { checkNotice } from './check-notice.ts';
import type { Checked, Given, Method } from './method.ts';
import { Repeat, type RepeatableCallOptions, type ResumableStreamOptions } from './repeat.ts';
import { REPEAT_OPTIONS, type RepeatOptions, type RetryOptions } from './repeat-options.ts';
import type { Methods, Service, ServiceErrors } from './service.ts';
import { hasPlaces, type ServiceCaller, type TriedPlaces } from './service-caller.ts';
import { ServiceStream } from './service-stream.ts';

/** Items to send: an array, a generator, or a stream. */
export type Items<Item> = AsyncIterable<Item> | Iterable<Item>;

/** Options of one call. Items are a separate argument. */
export type ServiceCallOptions = Omit<CallOptions, 'input'>;
/** Options of one stream. Items are a separate argument. */
export type ServiceStreamOptions = Omit<StreamOptions, 'input'>;

/**
 * The function that clients call for a method.
 *
 * @typeParam Name - name of an error of the service
 */
export type ClientMethod<
  M extends Method,
  Name extends string = string,
> = M['kind'] extends 'notice'
  ? (input: Given<M['input']>) => WriteFuture
  : M['kind'] extends 'call'
    ? M['items'] extends StandardSchema
      ? (
          input: Given<M['input']>,
          items: Items<Given<M['items']>>,
          options?: ServiceCallOptions,
        ) => Promise<Checked<M['output']>>
      : (
          input: Given<M['input']>,
          options?: M['idempotent'] extends true ? RepeatableCallOptions<Name> : ServiceCallOptions,
        ) => Promise<Checked<M['output']>>
    : M['items'] extends StandardSchema
      ? (
          input: Given<M['input']>,
          items: Items<Given<M['items']>>,
          options?: ServiceStreamOptions,
        ) => AsyncGenerator<Checked<M['output']>, void, undefined>
      : (
          input: Given<M['input']>,
          options?: M['idempotent'] extends true
            ? ResumableStreamOptions<Name>
            : ServiceStreamOptions,
        ) => AsyncGenerator<Checked<M['output']>, void, undefined>;

/** A client of a service, with a function for each method. */
export type ServiceClient<M extends Methods, E extends ServiceErrors = ServiceErrors> = {
  readonly [Name in keyof M]: ClientMethod<M[Name], keyof E & string>;
};

/** Type of an option that only services with an idempotent call, or a stream with `resume`, have. */
export type IfIdempotent<M extends Methods, Option> = true extends M[keyof M]['idempotent']
  ? Option
  : never;

/** A call of this end, as interceptors see it. */
export interface ClientCall {
  /** Name of the service. */
  readonly service: string;
  /** Name of the method. */
  readonly method: string;
  readonly kind: 'call' | 'stream';
  /** Input that the caller passed. */
  readonly input: unknown;
  readonly options: ServiceStreamOptions;
  /** Texts to send beside the call. An interceptor can add its own. */
  readonly headers: Record<string, string>;
}

/**
 * A function around the calls of a client, for example a log, a limit or a cache. `next` makes the call, and returns its answer,
 * or the items of a stream as an async iterable.
 */
export type ClientInterceptor = (call: ClientCall, next: () => Promise<unknown>) => unknown;

/** Options of {@link clientOf}. */
export interface ClientOfOptions<
  M extends Methods = Methods,
  E extends ServiceErrors = ServiceErrors,
> extends RepeatOptions {
  /**
   * Interceptors around each call, the first one outermost. An interceptor sees a call once, even if the call is retried. Notices
   * do not pass the interceptors.
   * @default none
   */
  readonly interceptors?: readonly ClientInterceptor[];
  /**
   * Retries of the idempotent calls, and the calls that continue streams with `resume`. No other call is retried. By default,
   * streams with `resume` continue as {@link RetryOptions} allow it, and calls are not retried.
   */
  readonly retry?: IfIdempotent<M, RetryOptions<keyof E & string> | false>;
}

const OPTIONS = describeOptions(
  'clientOf',
  {
    interceptors: list('a list of functions'),
    retry: unchecked(),
  },
  REPEAT_OPTIONS,
);

/**
 * Makes a client of a service, with a function for each method: `await api.quote({ symbol })`, `for await (const tick of
 * api.watch({ symbol }))`. The schemas check the answers. An answer that does not match fails with `MESSAGE_INVALID`. Other
 * errors are those of `caller`, and `service.errorName(error)` returns the name of the service's own errors. The items that a
 * caller sends are the second argument. A stream begins when its first item is requested. A notice whose input does not match
 * throws an EncodeError `MESSAGE_NOT_ENCODABLE`, because no answer would report it.
 *
 * With `retry`, calls that the service declares `idempotent` are repeated within their time. See the guide about
 * services.
 *
 * @throws OptionError if an option is not valid, or if `retry` is set and no method can be repeated
 */
export function clientOf<M extends Methods, E extends ServiceErrors>(
  service: Service<M, E>,
  caller: ServiceCaller,
  options: ClientOfOptions<M, E> = {},
): ServiceClient<M, E> {
  const given = options as unknown as ClientOfOptions;
  const { interceptors = [], retry } = OPTIONS.resolve(given);
  checkRepeatable(service as unknown as Service, retry);
  const repeat = new Repeat(REPEAT_OPTIONS.part(given), retry, service.errors);
  const client: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(service.methods)) {
    const calls = new MethodCalls(service.name, name, method, caller, interceptors, repeat);
    client[name] = calls.function;
  }
  return client as unknown as ServiceClient<M, E>;
}

/** Refuses `retry` without a method that can be repeated, so that an application does not find the mistake in an outage. */
function checkRepeatable(
  { name, methods }: Service,
  retry: RetryOptions | false | undefined,
): void {
  if ((retry ?? false) === false) return;
  if (Object.values(methods).some(({ idempotent }) => idempotent)) return;
  const text = `retry is for idempotent calls, but ${name} has none: declare them by call(input, output, { idempotent: true })`;
  throw new OptionError('OPTION_CONFLICT', text, { option: 'retry' });
}

class MethodCalls {
  private readonly service: string;
  private readonly name: string;
  private readonly method: Method;
  private readonly caller: ServiceCaller;
  private readonly interceptors: readonly ClientInterceptor[];
  /** Repeats an idempotent call. `undefined` for any other call. */
  private readonly repeat: Repeat | undefined;

  constructor(
    service: string,
    name: string,
    method: Method,
    caller: ServiceCaller,
    interceptors: readonly ClientInterceptor[],
    repeat: Repeat,
  ) {
    this.service = service;
    this.name = name;
    this.method = method;
    this.caller = caller;
    this.interceptors = interceptors;
    this.repeat = method.idempotent ? repeat : undefined;
  }

  get function(): unknown {
    const { kind, items } = this.method;
    if (kind === 'notice') return (input: unknown) => this.notify(input);
    const make = (input: unknown, options?: StreamOptions): unknown =>
      kind === 'call' ? this.call(input, options) : this.stream(input, options);
    if (items === undefined) return make;
    return (input: unknown, given: Items<unknown>, options: ServiceStreamOptions = {}) =>
      make(input, { ...options, input: given });
  }

  private notify(input: unknown): WriteFuture {
    checkNotice(this.method.input, input, this.where);
    return this.caller.notify(this.bodyOf(input));
  }

  private async call(input: unknown, options?: CallOptions): Promise<unknown> {
    const answer = await this.intercepted('call', input, options, (headers) =>
      this.request(this.bodyOf(input, headers), options),
    );
    return validate(this.method.output!, answer, `the answer of ${this.where}`);
  }

  private stream(input: unknown, options?: StreamOptions): ServiceStream {
    const begin = () =>
      this.intercepted('stream', input, options, async (headers) =>
        this.items(input, options, headers),
      );
    return new ServiceStream(begin as () => Promise<ItemSource>, this.checkItem, options?.input);
  }

  private items(
    input: unknown,
    options: StreamOptions | undefined,
    headers: Readonly<Record<string, string>> | undefined,
  ): AsyncIterable<unknown> {
    const { caller, repeat, method } = this;
    const call = (from: unknown, own?: StreamOptions) =>
      caller.stream(this.bodyOf(from, headers), own);
    if (repeat === undefined) return call(input, options);
    const resume = method.resume as (given: unknown, last: unknown) => unknown;
    const inputAfter = (last: unknown): unknown => resume(input, this.checkItem(last));
    return repeat.stream(options, hasPlaces(caller), { input, call, inputAfter });
  }

  private readonly checkItem = (item: unknown): unknown =>
    validate(this.method.output!, item, `an item of ${this.where}`);

  private request(body: JsonRpcCall, options?: CallOptions): Promise<unknown> {
    const { caller, repeat } = this;
    if (repeat === undefined) return caller.request(body, options);
    if (!hasPlaces(caller)) {
      return repeat.call(options, false, (own) => caller.request(body, own));
    }
    const tried: TriedPlaces = new Set();
    return repeat.call(options, true, (own) => caller.requestElsewhere(tried, body, own));
  }

  private get where(): string {
    return `${this.service}.${this.name}`;
  }

  private bodyOf(input: unknown, headers?: Readonly<Record<string, string>>): JsonRpcCall {
    return { method: this.where, params: input, headers };
  }

  private intercepted(
    kind: 'call' | 'stream',
    input: unknown,
    given: StreamOptions = {},
    run: (headers?: Readonly<Record<string, string>>) => Promise<unknown>,
  ): Promise<unknown> {
    const { service, name: method, interceptors } = this;
    if (interceptors.length === 0) return run();
    const { input: items, ...options } = given;
    const headers: Record<string, string> = {};
    const call = { service, method, kind, input, options, headers };
    let hasRun = false;
    const step = async (at: number): Promise<unknown> => {
      const interceptor = interceptors[at];
      if (interceptor !== undefined) return interceptor(call, () => step(at + 1));
      hasRun = true;
      return run(headers);
    };
    observeSource(items);
    return step(0).finally(() => {
      // An interceptor has answered or refused the call.
      if (!hasRun) void releaseSource(items);
    });
  }
}
