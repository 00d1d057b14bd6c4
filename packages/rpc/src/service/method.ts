import { OptionError } from '@headrace/core';
import {
  checkSchema,
  describeOptions,
  flag,
  fn,
  type StandardSchema,
  unchecked,
} from '@headrace/core/authoring';

/** Type of the value that a schema checks, which the sender passes. */
export type Given<S> = S extends { readonly '~standard': { readonly types?: infer T } }
  ? NonNullable<T> extends { readonly input: infer Input }
    ? Input
    : unknown
  : never;

/** Type of the value that a schema returns, which the receiver receives. */
export type Checked<S> = S extends { readonly '~standard': { readonly types?: infer T } }
  ? NonNullable<T> extends { readonly output: infer Output }
    ? Output
    : unknown
  : never;

/** One method of a service, with the schemas that check the input of both ends. */
export interface Method<
  Kind extends 'call' | 'stream' | 'notice' = 'call' | 'stream' | 'notice',
  In extends StandardSchema = StandardSchema,
  Out extends StandardSchema | undefined = StandardSchema | undefined,
  Items extends StandardSchema | undefined = StandardSchema | undefined,
  Idempotent extends boolean = boolean,
> {
  readonly kind: Kind;
  /** Schema of the caller's input. */
  readonly input: In;
  /** Schema of the answer of a call, or of an item of a stream. */
  readonly output: Out;
  /** Schema of the items that the caller sends with the call. */
  readonly items: Items;
  /** Whether a client may repeat the call, or continue the stream by another call. */
  readonly idempotent: Idempotent;
  /** Returns the input of a call that continues the stream after an item. `undefined` if no call can. */
  readonly resume: ((input: never, last: never) => unknown) | undefined;
}

/** Option of a method whose caller sends items. */
export interface ItemsOption<Items extends StandardSchema> {
  readonly items: Items;
}

/** Option of a call whose client may repeat it. */
export interface IdempotentOption<Idempotent extends boolean> {
  /**
   * Whether a second execution of the call has no further effect. Examples are reading, setting, removing, and any action with a
   * key that the function recognizes. Clients retry only idempotent calls.
   * @default false
   */
  readonly idempotent: Idempotent;
}

/** Option of a stream that another call can continue. */
export interface ResumeOption<In extends StandardSchema, Out extends StandardSchema> {
  /**
   * Returns the input of a call that continues the stream after its last item, for example the same input with the position of
   * the item. If the connection of a stream is lost, its client calls the method again with this input. Before the first item,
   * the client calls the method with the same input.
   *
   * @param input - the input of the stream, as its reader passed it
   * @param last - the last item that the reader has received
   */
  readonly resume: (input: Given<In>, last: Checked<Out>) => Given<In>;
}

const OPTIONS = describeOptions('call', {
  items: unchecked(),
  idempotent: flag({ default: false }),
});
const STREAM_OPTIONS = describeOptions('stream', {
  items: unchecked(),
  resume: fn({
    answers: 'sync',
    takes: 2,
    purpose: 'returns the input that continues the stream after an item',
  }),
});

/**
 * Defines a method with one answer. With `items`, the caller sends a stream of items. With `idempotent`, its clients may repeat
 * the call.
 *
 * @throws OptionError for both options, because items cannot be read twice
 */
export function call<In extends StandardSchema, Out extends StandardSchema>(
  input: In,
  output: Out,
): Method<'call', In, Out, undefined, false>;
/** Defines a method with one answer. Its clients may repeat the call if it is idempotent. */
export function call<
  In extends StandardSchema,
  Out extends StandardSchema,
  const Idempotent extends boolean,
>(
  input: In,
  output: Out,
  options: IdempotentOption<Idempotent>,
): Method<'call', In, Out, undefined, Idempotent>;
/** Defines a method with one answer, whose caller sends a stream of items. */
export function call<
  In extends StandardSchema,
  Out extends StandardSchema,
  Items extends StandardSchema,
>(input: In, output: Out, options: ItemsOption<Items>): Method<'call', In, Out, Items, false>;
export function call(
  input: StandardSchema,
  output: StandardSchema,
  options: Partial<ItemsOption<StandardSchema> & IdempotentOption<boolean>> = {},
): Method {
  const { items, idempotent } = OPTIONS.resolve(options);
  if (idempotent && items !== undefined) {
    const text = 'a call with items is not idempotent: its items cannot be read twice';
    throw new OptionError('OPTION_CONFLICT', text, { option: 'idempotent' });
  }
  return method('call', input, output, items, idempotent);
}

/**
 * Defines a method with a stream of answers. With `items`, the caller sends a stream as well. With `resume`, its clients continue
 * the stream by another call when its connection is lost.
 *
 * @throws OptionError `OPTION_INVALID` for a value that is not a schema, and `OPTION_CONFLICT` for both options, because items
 *   cannot be read twice
 */
export function stream<In extends StandardSchema, Out extends StandardSchema>(
  input: In,
  item: Out,
): Method<'stream', In, Out, undefined, false>;
/** Defines a method with a stream of answers, which its clients continue by another call. */
export function stream<In extends StandardSchema, Out extends StandardSchema>(
  input: In,
  item: Out,
  options: ResumeOption<In, Out>,
): Method<'stream', In, Out, undefined, true>;
/** Defines a method with a stream of answers, whose caller sends a stream as well. */
export function stream<
  In extends StandardSchema,
  Out extends StandardSchema,
  Items extends StandardSchema,
>(input: In, item: Out, options: ItemsOption<Items>): Method<'stream', In, Out, Items, false>;
export function stream(
  input: StandardSchema,
  item: StandardSchema,
  options: Partial<ItemsOption<StandardSchema> & ResumeOption<StandardSchema, StandardSchema>> = {},
): Method {
  const { items, resume } = STREAM_OPTIONS.resolve(options);
  if (resume !== undefined && items !== undefined) {
    const text = 'a stream with items cannot resume: its items cannot be read twice';
    throw new OptionError('OPTION_CONFLICT', text, { option: 'resume' });
  }
  return method('stream', input, item, items, resume !== undefined, resume as Method['resume']);
}

/**
 * Defines a method without an answer.
 *
 * @throws OptionError `OPTION_INVALID` for a value that is not a schema
 */
export function notice<In extends StandardSchema>(
  input: In,
): Method<'notice', In, undefined, undefined, false> {
  const schema = checkSchema(input);
  return {
    kind: 'notice',
    input: schema,
    output: undefined,
    items: undefined,
    idempotent: false,
    resume: undefined,
  };
}

function method(
  kind: 'call' | 'stream',
  input: StandardSchema,
  output: StandardSchema,
  given: StandardSchema | undefined,
  idempotent: boolean,
  resume?: Method['resume'],
): Method {
  return {
    kind,
    input: checkSchema(input),
    output: checkSchema(output),
    items: given === undefined ? undefined : checkSchema(given),
    idempotent,
    resume,
  };
}
