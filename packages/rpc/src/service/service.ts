import { isHeadraceError, OptionError, type RejectedError } from '@headrace/core';
import { describeOptions, unchecked } from '@headrace/core/authoring';
import { refusal } from '../exchange/exchange-error.ts';
import { describe } from './describe-service.ts';
import type { Method } from './method.ts';
import type { ServiceDescription } from './service-description.ts';

/** Methods of a service by name. */
export type Methods = Readonly<Record<string, Method>>;

/** Error codes of a service by name. */
export type ServiceErrors = Readonly<Record<string, number>>;

/** Options of {@link defineService}. */
export interface ServiceOptions<E extends ServiceErrors> {
  /** Codes of the errors that functions throw on purpose, by name. JSON-RPC reserves −32768 to −32000. @default none */
  readonly errors?: E;
}

const OPTIONS = describeOptions('defineService', { errors: unchecked() });

const NAME = /^[A-Za-z][\w-]*$/;
const RESERVED_CODES = [-32_768, -32_000] as const;

/** A service: its methods with their types, and its errors. {@link defineService} makes it. */
export class Service<M extends Methods = Methods, E extends ServiceErrors = ServiceErrors> {
  /** Name of the service. */
  readonly name: string;
  /** Methods of the service by name. */
  readonly methods: M;
  /** Error codes of the service by name. */
  readonly errors: E;

  constructor(name: string, methods: M, errors: E) {
    this.name = checkName('the name of a service', name);
    for (const each of Object.keys(methods)) checkMethodName(name, each);
    for (const [each, code] of Object.entries(errors)) checkCode(each, code, errors);
    this.methods = methods;
    this.errors = errors;
  }

  /**
   * Makes an error for a function of the service to throw. The caller receives its code, text and data. {@link errorName} finds
   * its name.
   *
   * @throws OptionError for a name that the service does not declare
   */
  error(name: keyof E & string, text: string, data?: unknown): RejectedError {
    if (Object.hasOwn(this.errors, name)) return refusal(this.errors[name]!, text, data);
    const names = Object.keys(this.errors).join(', ');
    const declared = `it has ${names === '' ? 'none' : names}; add it to the errors of defineService`;
    const message = `the service ${this.name} declares no error ${name}: ${declared}`;
    throw new OptionError('OPTION_INVALID', message, { option: 'errors', value: String(name) });
  }

  /** Returns the name of an error that a call of this service rejected with, or `undefined` for any other error. */
  errorName(error: unknown): (keyof E & string) | undefined {
    if (!isHeadraceError(error, 'REQUEST_REFUSED')) return undefined;
    const { code } = error.details;
    return Object.keys(this.errors).find((name) => this.errors[name] === code);
  }

  /**
   * Describes the wire format as JSON Schema, to keep beside the code and to compare in CI.
   *
   * @throws OptionError for a schema that its library cannot print; see {@link describeService}
   */
  '~headraceService'(): ServiceDescription {
    return describe(this);
  }
}

/**
 * Defines a service once, for both ends. `serve` takes the types of its functions from the service, and `clientOf` the types of
 * its calls. Schemas can be of any library with Standard Schema: zod, valibot, ArkType. An input is an object or an array, as in
 * JSON-RPC.
 *
 * @param name - letters, digits, `_` and `-`; on the wire, a method is `name.method`
 * @throws OptionError
 *
 * @example
 * ```ts run
 * import { connectedPair } from '@headrace/core/testing';
 * import { contentLengthPrefixed, JsonCodec } from '@headrace/codec';
 * import { call, clientOf, defineService, ExchangeHandler, jsonRpcExchange, serve } from '@headrace/rpc';
 * import { z } from 'zod';
 *
 * const prices = defineService(
 *   'prices',
 *   { quote: call(z.object({ symbol: z.string() }), z.object({ price: z.number() })) },
 *   { errors: { NO_SUCH_SYMBOL: 1 } },
 * );
 *
 * const format = jsonRpcExchange();
 * const wire = () => [...contentLengthPrefixed({ maxFrameLength: 65_536 }), new JsonCodec()] as const;
 * const exchange = new ExchangeHandler({ format });
 * const handle = serve(prices, {
 *   quote: ({ symbol }) => {
 *     if (symbol !== 'ACME') throw prices.error('NO_SUCH_SYMBOL', `there is no ${symbol}`);
 *     return { price: 42 };
 *   },
 * });
 * const { clock } = connectedPair({
 *   client: ({ pipeline }) => pipeline.addLast(...wire(), exchange),
 *   server: ({ pipeline }) => pipeline.addLast(...wire(), new ExchangeHandler({ format, handle })),
 * });
 * const api = clientOf(prices, exchange);
 * console.log(await clock.run(() => api.quote({ symbol: 'ACME' })));
 * // prints { price: 42 }
 * ```
 */
export function defineService<M extends Methods, E extends ServiceErrors = Record<never, number>>(
  name: string,
  methods: M,
  options: ServiceOptions<E> = {},
): Service<M, E> {
  const { errors } = OPTIONS.resolve(options as ServiceOptions<ServiceErrors>);
  return new Service(name, methods, (errors ?? {}) as E);
}

function checkName(what: string, name: string): string {
  if (typeof name === 'string' && NAME.test(name)) return name;
  const text = `${what} is ${JSON.stringify(name)}, but must begin with a letter and have letters, digits, _ and - alone`;
  throw new OptionError('OPTION_INVALID', text, { option: 'name', value: String(name) });
}

/** Refuses the method name `then`. An `await` of the client would treat the client as a promise and call the method. */
function checkMethodName(service: string, name: string): void {
  checkName(`a method of ${service}`, name);
  if (name !== 'then') return;
  const text = `a method of ${service} is "then", which an await of the client would call: give it another name`;
  throw new OptionError('OPTION_INVALID', text, { option: 'name', value: name });
}

function checkCode(name: string, code: number, errors: ServiceErrors): void {
  const [first, last] = RESERVED_CODES;
  const isFree = Number.isSafeInteger(code) && (code < first || code > last);
  const isOnce = Object.values(errors).filter((other) => other === code).length === 1;
  if (isFree && isOnce) return;
  const text = `the code of the error ${name} is ${code}, but must be a whole number that no other error has, and none from ${first} to ${last}`;
  throw new OptionError('OPTION_INVALID', text, { option: 'errors', value: String(code) });
}
