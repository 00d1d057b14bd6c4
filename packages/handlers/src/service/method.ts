import { checkSchema, type StandardSchema } from '@headrace/core/authoring';

/** The value that a schema checks: what its sender gives. */
export type Given<S> = S extends { readonly '~standard': { readonly types?: infer T } }
  ? NonNullable<T> extends { readonly input: infer Input }
    ? Input
    : unknown
  : never;

/** The value that a schema gives back: what its receiver gets. */
export type Checked<S> = S extends { readonly '~standard': { readonly types?: infer T } }
  ? NonNullable<T> extends { readonly output: infer Output }
    ? Output
    : unknown
  : never;

/** One method of a service: its schemas, by which both ends check what comes in. */
export interface Method<
  Kind extends 'call' | 'stream' | 'notice' = 'call' | 'stream' | 'notice',
  In extends StandardSchema = StandardSchema,
  Out extends StandardSchema | undefined = StandardSchema | undefined,
  Items extends StandardSchema | undefined = StandardSchema | undefined,
> {
  readonly kind: Kind;
  /** What the caller gives. */
  readonly input: In;
  /** The answer of a call, an item of a stream. */
  readonly output: Out;
  /** The items that the caller sends with the call. */
  readonly items: Items;
}

/** Of a method whose caller sends items. */
export interface ItemsOption<Items extends StandardSchema> {
  readonly items: Items;
}

/** A method with one answer; with `items`, the caller sends a stream of them. */
export function call<In extends StandardSchema, Out extends StandardSchema>(
  input: In,
  output: Out,
): Method<'call', In, Out, undefined>;
export function call<
  In extends StandardSchema,
  Out extends StandardSchema,
  Items extends StandardSchema,
>(input: In, output: Out, options: ItemsOption<Items>): Method<'call', In, Out, Items>;
export function call(
  input: StandardSchema,
  output: StandardSchema,
  options?: ItemsOption<StandardSchema>,
): Method {
  return method('call', input, output, options);
}

/** A method with a stream of answers; with `items`, the caller sends a stream as well. */
export function stream<In extends StandardSchema, Out extends StandardSchema>(
  input: In,
  item: Out,
): Method<'stream', In, Out, undefined>;
export function stream<
  In extends StandardSchema,
  Out extends StandardSchema,
  Items extends StandardSchema,
>(input: In, item: Out, options: ItemsOption<Items>): Method<'stream', In, Out, Items>;
export function stream(
  input: StandardSchema,
  item: StandardSchema,
  options?: ItemsOption<StandardSchema>,
): Method {
  return method('stream', input, item, options);
}

/** A method without an answer. */
export function notice<In extends StandardSchema>(
  input: In,
): Method<'notice', In, undefined, undefined> {
  return { kind: 'notice', input: checkSchema(input), output: undefined, items: undefined };
}

function method(
  kind: 'call' | 'stream',
  input: StandardSchema,
  output: StandardSchema,
  options?: ItemsOption<StandardSchema>,
): Method {
  const items = options === undefined ? undefined : checkSchema(options.items);
  return { kind, input: checkSchema(input), output: checkSchema(output), items };
}
