import { type Channel, DecodeError, OptionError } from '@headrace/core';
import {
  describeOptions,
  list,
  observeSource,
  releaseSource,
  type StandardSchema,
  validate,
} from '@headrace/core/authoring';
import { refusal } from '../exchange/exchange-error.ts';
import { type ExchangeScope, markResumable } from '../exchange/exchange-worker.ts';
import type { JsonRpcCall, JsonRpcExchange } from '../exchange/json-rpc-message.ts';
import type { Checked, Given, Method } from './method.ts';
import type { Methods, Service, ServiceErrors } from './service.ts';
import { INVALID_PARAMS, METHOD_NOT_FOUND } from './service-codes.ts';

/** The second argument of a function of a service. */
export interface ServiceScope<Item = never> extends Omit<ExchangeScope, 'items' | 'wantsItems'> {
  /** Checked items of the caller. Empty if the method has no items. */
  readonly items: AsyncIterable<Item>;
}

/** The checked items that the caller of a method sends. */
export type MethodItem<M extends Method> =
  M extends Method<infer _K, infer _I, infer _O, infer Items>
    ? Items extends StandardSchema
      ? Checked<Items>
      : never
    : never;

/** The values that the function of a method may return. */
export type MethodResult<M extends Method> = M['kind'] extends 'notice'
  ? unknown
  : M['kind'] extends 'call'
    ? Given<M['output']> | PromiseLike<Given<M['output']>>
    :
        | AsyncIterable<Given<M['output']>>
        | Generator<Given<M['output']>, unknown, unknown>
        | PromiseLike<AsyncIterable<Given<M['output']>>>;

/** The functions of a service: one for each method, with the types of its schemas. */
export type Implementation<M extends Methods> = {
  readonly [Name in keyof M]: (
    input: Checked<M[Name]['input']>,
    scope: ServiceScope<MethodItem<M[Name]>>,
  ) => MethodResult<M[Name]>;
};

/** A call of the peer, as interceptors see it. The call may still be refused. */
export interface ServedCall {
  /** Name of the service, `'(unknown)'` if it does not exist. */
  readonly service: string;
  /** Name of the method, `'(unknown)'` if it does not exist. */
  readonly method: string;
  readonly kind: 'call' | 'stream' | 'notice';
  /** Input of the call, checked at the first read or by `next`. A mismatch is thrown as the refusal of the call. */
  readonly input: unknown;
  /** Texts beside the call, as the caller sent them. The texts are not checked. */
  readonly headers: Readonly<Record<string, string>>;
  readonly scope: ServiceScope<unknown>;
}

/**
 * A function around the calls of a service, for example a sign-in, a limit or a log. `next` checks the call, and returns the
 * answer, or the items of a stream as an async iterable. `next` rejects if the method does not exist, or the input does not
 * match. An interceptor that throws refuses the call.
 */
export type ServerInterceptor = (call: ServedCall, next: () => Promise<unknown>) => unknown;

/** Options of {@link serve}. */
export interface ServeOptions {
  /** Interceptors around each call, the first one outermost. @default none */
  readonly interceptors?: readonly ServerInterceptor[];
}

const OPTIONS = describeOptions('serve', { interceptors: list('a list of functions') });

/** The `handle` of an `ExchangeHandler` with `jsonRpcExchange()`. {@link serve} makes it. */
export interface ServiceHandle {
  (call: JsonRpcCall, scope: ExchangeScope<JsonRpcExchange>): unknown;
  /** Services that the handle answers. */
  readonly services: readonly Service[];
}

type Answer = (call: JsonRpcCall, scope: ExchangeScope<JsonRpcExchange>) => unknown;
type AnyFunction = (input: unknown, scope: ServiceScope<unknown>) => unknown;

/**
 * Makes a handle that answers the calls of a service by functions. The schemas check the input. An input that does not match is
 * answered with −32602 and the problems that were found. An unknown method is answered with −32601. If a function throws
 * `service.error(…)`, its caller receives the error. Any other error is logged, and answered without its text.
 *
 * @throws OptionError if a function is missing, or belongs to no method
 */
export function serve<M extends Methods, E extends ServiceErrors>(
  service: Service<M, E>,
  implementation: Implementation<M>,
  options: ServeOptions = {},
): ServiceHandle {
  const { interceptors = [] } = OPTIONS.resolve(options);
  checkFunctions(service, implementation);
  const answers = new Map<string, Answer>();
  for (const [name, method] of Object.entries(service.methods)) {
    const run = implementation[name] as unknown as AnyFunction;
    answers.set(`${service.name}.${name}`, answerOf(service.name, name, method, run, interceptors));
  }
  return handleOf(answers, service as unknown as Service, interceptors);
}

/**
 * Makes one handle for several services. Calls of unknown services pass the interceptors of the first handle.
 *
 * @throws OptionError if two services have the same name
 */
export function serveAll(...handles: readonly ServiceHandle[]): ServiceHandle {
  const byName = new Map<string, ServiceHandle>();
  for (const handle of handles) {
    for (const { name } of handle.services) {
      if (byName.has(name)) {
        const text = `two services are called ${name}: give one of them another name`;
        throw new OptionError('OPTION_CONFLICT', text, { option: 'services', value: name });
      }
      byName.set(name, handle);
    }
  }
  const all: Answer = (call, scope) => {
    const handle = byName.get(call.method.slice(0, call.method.indexOf('.'))) ?? handles[0];
    if (handle === undefined) throw unknownMethod(call.method);
    return handle(call, scope);
  };
  return Object.assign(all, { services: handles.flatMap(({ services }) => services) });
}

function handleOf(
  answers: ReadonlyMap<string, Answer>,
  service: Service,
  interceptors: readonly ServerInterceptor[],
): ServiceHandle {
  const refuse = refusalOf(service.name, interceptors);
  const handle: Answer = (call, scope) => (answers.get(call.method) ?? refuse)(call, scope);
  return Object.assign(handle, { services: [service] });
}

/** Name of an unknown service or method. The peer's own texts would make an unlimited number of labels in metrics. */
const UNKNOWN = '(unknown)';

/** Returns a handle for unknown methods. Their calls pass the interceptors, too, so that no call bypasses a limit. */
function refusalOf(service: string, interceptors: readonly ServerInterceptor[]): Answer {
  return ({ method, headers }, scope) => {
    if (interceptors.length === 0) throw unknownMethod(method);
    const of = method.startsWith(`${service}.`) ? service : UNKNOWN;
    const answered = scope.wantsAnswer ? 'call' : 'notice';
    const kind = scope.wantsItems ? 'stream' : answered;
    const call = new PeerCall(of, UNKNOWN, kind, headers, scope, () => {
      throw unknownMethod(method);
    });
    return intercepted(interceptors, call, () => call.input);
  };
}

function unknownMethod(method: string): Error {
  return refusal(METHOD_NOT_FOUND, `there is no method ${method.slice(0, 100)}`);
}

function answerOf(
  service: string,
  name: string,
  method: Method,
  run: AnyFunction,
  interceptors: readonly ServerInterceptor[],
): Answer {
  const { kind, items, resume } = method;
  const where = `${service}.${name}`;
  const inputOf = (params: unknown, scope: ExchangeScope): unknown => {
    checkKind(where, kind, scope);
    return checkedInput(method.input, params, where);
  };
  const scopeOf = (scope: ExchangeScope): Scope => {
    if (resume !== undefined) markResumable(scope);
    return new Scope(scope, items && checkedItems(items, scope.items, where));
  };
  if (interceptors.length === 0) {
    return ({ params }, scope) => run(inputOf(params, scope), scopeOf(scope));
  }
  return ({ params, headers }, scope) => {
    const own = scopeOf(scope);
    const check = () => inputOf(params, scope);
    const call = new PeerCall(service, name, kind, headers, own, check);
    return intercepted(interceptors, call, () => run(call.input, own));
  };
}

/** A call whose input is checked once, inside of its interceptors. */
class PeerCall implements ServedCall {
  readonly service: string;
  readonly method: string;
  readonly kind: ServedCall['kind'];
  readonly headers: ServedCall['headers'];
  readonly scope: ServiceScope<unknown>;
  private readonly check: () => unknown;
  private isChecked = false;
  private checked: unknown = undefined;

  constructor(
    service: string,
    method: string,
    kind: ServedCall['kind'],
    headers: ServedCall['headers'] | undefined,
    scope: ServiceScope<unknown>,
    check: () => unknown,
  ) {
    this.service = service;
    this.method = method;
    this.kind = kind;
    this.headers = headers ?? {};
    this.scope = scope;
    this.check = check;
  }

  get input(): unknown {
    if (!this.isChecked) this.checked = this.check();
    this.isChecked = true;
    return this.checked;
  }
}

/** The scope of a call, with checked items. */
class Scope implements ServiceScope<unknown> {
  private readonly scope: ExchangeScope;
  private readonly checked: AsyncIterable<unknown> | undefined;

  constructor(scope: ExchangeScope, checked: AsyncIterable<unknown> | undefined) {
    this.scope = scope;
    this.checked = checked;
  }

  get channel(): Channel {
    return this.scope.channel;
  }

  get signal(): AbortSignal {
    return this.scope.signal;
  }

  get wantsAnswer(): boolean {
    return this.scope.wantsAnswer;
  }

  get timeLeftMs(): number {
    return this.scope.timeLeftMs;
  }

  get items(): AsyncIterable<unknown> {
    return this.checked ?? this.scope.items;
  }
}

/** Refuses a stream whose caller does not ask for items. Without a reader, the stream would never end. */
function checkKind(where: string, kind: Method['kind'], scope: ExchangeScope): void {
  if (kind === 'stream' && !scope.wantsItems) {
    throw refusal(INVALID_PARAMS, `${where} is a stream: ask for its items`);
  }
}

function checkedInput(schema: StandardSchema, params: unknown, where: string): unknown {
  try {
    return validate(schema, params, `the input of ${where}`);
  } catch (thrown) {
    if (!(thrown instanceof DecodeError)) throw thrown;
    throw refusal(INVALID_PARAMS, thrown.message, thrown.details);
  }
}

/** Checks items. An item that does not match fails the call of its caller. */
async function* checkedItems(
  schema: StandardSchema,
  items: AsyncIterable<unknown>,
  where: string,
): AsyncGenerator<unknown> {
  for await (const item of items) yield checkedInput(schema, item, `an item to ${where}`);
}

async function intercepted(
  interceptors: readonly ServerInterceptor[],
  call: ServedCall,
  run: () => unknown,
): Promise<unknown> {
  let answer: unknown;
  const step = async (at: number): Promise<unknown> => {
    const interceptor = interceptors[at];
    if (interceptor !== undefined) return interceptor(call, () => step(at + 1));
    answer = await run();
    observeSource(answer);
    return answer;
  };
  try {
    return await step(0);
  } catch (thrown) {
    void releaseSource(answer);
    throw thrown;
  }
}

function checkFunctions(
  service: { readonly name: string; readonly methods: object },
  implementation: object,
): void {
  const wanted = Object.keys(service.methods);
  const given = implementation as Readonly<Record<string, unknown>>;
  const missing = wanted.filter((name) => !hasFunction(given, name));
  const others = Object.keys(given).filter((name) => !wanted.includes(name));
  if (missing.length === 0 && others.length === 0) return;
  const text =
    missing.length > 0
      ? `there is no function for ${missing.join(', ')}`
      : `there is no method for the functions ${others.join(', ')}`;
  throw new OptionError('OPTION_INVALID', `the service ${service.name}: ${text}`, {
    option: 'implementation',
  });
}

/** Returns true if the method has its own function. Inherited functions of JavaScript, such as toString, answer no call. */
function hasFunction(given: Readonly<Record<string, unknown>>, name: string): boolean {
  if (typeof given[name] !== 'function') return false;
  return Object.hasOwn(given, name) || !(name in Object.prototype);
}
