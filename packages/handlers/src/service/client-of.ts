import { OptionError, type WriteFuture } from '@headrace/core';
import {
  describeOptions,
  list,
  type StandardSchema,
  unchecked,
  validate,
} from '@headrace/core/authoring';
import type { ItemSource } from '../call/item-source.ts';
import type { CallOptions, StreamOptions } from '../exchange/exchange-options.ts';
import type { JsonRpcCall } from '../exchange/json-rpc-message.ts';
import type { Checked, Given, Method } from './method.ts';
import { Repeat, type RepeatableCallOptions } from './repeat.ts';
import {
  type HedgeOptions,
  REPEAT_OPTIONS,
  type RepeatOptions,
  type RetryOptions,
} from './repeat-options.ts';
import type { Methods, Service, ServiceErrors } from './service.ts';
import { hasPlaces, type ServiceCaller, type TriedPlaces } from './service-caller.ts';
import { ServiceStream } from './service-stream.ts';

/** Items to send: an array, a generator, a stream. */
export type Items<Item> = AsyncIterable<Item> | Iterable<Item>;

/** Options of one call, without the items: those have an argument of their own. */
export type ServiceCallOptions = Omit<CallOptions, 'input'>;
/** Options of one stream, without the items: those have an argument of their own. */
export type ServiceStreamOptions = Omit<StreamOptions, 'input'>;

/**
 * A method as its clients call it.
 *
 * @typeParam Name - of an error of the service
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
          options?: ServiceStreamOptions,
        ) => AsyncGenerator<Checked<M['output']>, void, undefined>;

/** A service as its clients call it: a function for each method. */
export type ServiceClient<M extends Methods, E extends ServiceErrors = ServiceErrors> = {
  readonly [Name in keyof M]: ClientMethod<M[Name], keyof E & string>;
};

/** The type of an option for services with an idempotent call; no value for others. */
export type IfIdempotent<M extends Methods, Option> = true extends M[keyof M]['idempotent']
  ? Option
  : never;

/** A call of this end, as interceptors see it. */
export interface ClientCall {
  /** The name of the service. */
  readonly service: string;
  /** The name of the method. */
  readonly method: string;
  readonly kind: 'call' | 'stream';
  /** The input as the caller gave it. */
  readonly input: unknown;
  readonly options: ServiceStreamOptions;
  /** Texts to send beside the call; an interceptor adds its own. */
  readonly headers: Record<string, string>;
}

/**
 * Stands around the calls of a client: a log, a limit, a cache. `next` makes the call, and gives its answer, or the items
 * of a stream as an async iterable.
 */
export type ClientInterceptor = (call: ClientCall, next: () => Promise<unknown>) => unknown;

/** Options of {@link clientOf}. */
export interface ClientOfOptions<
  M extends Methods = Methods,
  E extends ServiceErrors = ServiceErrors,
> extends RepeatOptions {
  /** The first is the outermost. They see a call once, however often it is repeated. Notices do not pass them. @default none */
  readonly interceptors?: readonly ClientInterceptor[];
  /** Of the idempotent calls; no other call is made twice. @default false */
  readonly retry?: IfIdempotent<M, RetryOptions<keyof E & string> | false>;
  /** Of the idempotent calls; no other call is made twice. @default false */
  readonly hedge?: IfIdempotent<M, HedgeOptions | false>;
}

const OPTIONS = describeOptions(
  'clientOf',
  {
    interceptors: list('a list of functions'),
    retry: unchecked({ default: false }),
    hedge: unchecked({ default: false }),
  },
  REPEAT_OPTIONS,
);

/**
 * A service as functions of this end: `await api.quote({ symbol })`, `for await (const tick of api.watch({ symbol }))`. What
 * comes is checked by the schemas: an answer that does not fit is `MESSAGE_INVALID`. Errors are those of the caller; the
 * service's own have their names by `service.errorName(error)`. A method whose caller sends items has them as its second
 * argument. A stream begins when its first item is asked for.
 *
 * With `retry` and `hedge`, calls that the service declares `idempotent` are made again within their time: see the guide about
 * services.
 *
 * @throws OptionError if an option is not valid, and for `retry` or `hedge` where no call is idempotent
 */
export function clientOf<M extends Methods, E extends ServiceErrors>(
  service: Service<M, E>,
  caller: ServiceCaller,
  options: ClientOfOptions<M, E> = {},
): ServiceClient<M, E> {
  const given = options as unknown as ClientOfOptions;
  const { interceptors = [], retry, hedge } = OPTIONS.resolve(given);
  checkRepeatable(service as unknown as Service, { retry, hedge });
  const repeat = new Repeat(REPEAT_OPTIONS.part(given), { retry, hedge }, service.errors);
  const client: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(service.methods)) {
    const calls = new MethodCalls(service.name, name, method, caller, interceptors, repeat);
    client[name] = calls.function;
  }
  return client as unknown as ServiceClient<M, E>;
}

/** An application that means its calls to be repeated must not find out in an outage that none is. */
function checkRepeatable({ name, methods }: Service, options: RepeatableCallOptions): void {
  const given = (['retry', 'hedge'] as const).find((one) => (options[one] ?? false) !== false);
  if (given === undefined || Object.values(methods).some((method) => method.idempotent)) return;
  const text = `${given} is for idempotent calls, but ${name} has none: declare them by call(input, output, { idempotent: true })`;
  throw new OptionError('OPTION_CONFLICT', text, { option: given });
}

/** The calls of one method. */
class MethodCalls {
  private readonly service: string;
  private readonly name: string;
  private readonly method: Method;
  private readonly caller: ServiceCaller;
  private readonly interceptors: readonly ClientInterceptor[];
  /** Of an idempotent call alone. */
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
    if (kind === 'notice') return (input: unknown) => this.caller.notify(this.bodyOf(input));
    const make = (input: unknown, options?: StreamOptions): unknown =>
      kind === 'call' ? this.call(input, options) : this.stream(input, options);
    if (items === undefined) return make;
    return (input: unknown, given: Items<unknown>, options: ServiceStreamOptions = {}) =>
      make(input, { ...options, input: given });
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
        this.caller.stream(this.bodyOf(input, headers), options),
      );
    const check = (item: unknown) =>
      validate(this.method.output!, item, `an item of ${this.where}`);
    return new ServiceStream(begin as () => Promise<ItemSource>, check, options?.input);
  }

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
    const { input: _, ...options } = given;
    const headers: Record<string, string> = {};
    const call = { service, method, kind, input, options, headers };
    const step = async (at: number): Promise<unknown> => {
      const interceptor = interceptors[at];
      return interceptor === undefined ? run(headers) : interceptor(call, () => step(at + 1));
    };
    return step(0);
  }
}
