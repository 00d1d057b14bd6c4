import { OptionError } from '@headrace/core';
import {
  checkSchema,
  describeOptions,
  flag,
  type StandardSchema,
  unchecked,
} from '@headrace/core/authoring';

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
  Idempotent extends boolean = boolean,
> {
  readonly kind: Kind;
  /** What the caller gives. */
  readonly input: In;
  /** The answer of a call, an item of a stream. */
  readonly output: Out;
  /** The items that the caller sends with the call. */
  readonly items: Items;
  /** Carried out twice, it does what it does once: its client may repeat it. */
  readonly idempotent: Idempotent;
}

/** Of a method whose caller sends items. */
export interface ItemsOption<Items extends StandardSchema> {
  readonly items: Items;
}

/** Of a call whose client may repeat it. */
export interface IdempotentOption<Idempotent extends boolean> {
  /**
   * Carried out twice, the call does what it does once: reading, setting, removing, or anything with a key by which its
   * function knows it again. Its clients may retry and hedge it; they never do any other call. @default false
   */
  readonly idempotent: Idempotent;
}

const OPTIONS = describeOptions('call', {
  items: unchecked(),
  idempotent: flag({ default: false }),
});
const STREAM_OPTIONS = describeOptions('stream', { items: unchecked() });

/**
 * A method with one answer; with `items`, the caller sends a stream of them; with `idempotent`, its client may repeat it.
 *
 * @throws OptionError for both: items cannot be read twice
 */
export function call<In extends StandardSchema, Out extends StandardSchema>(
  input: In,
  output: Out,
): Method<'call', In, Out, undefined, false>;
/** A method with one answer, whose clients may repeat it if it is idempotent. */
export function call<
  In extends StandardSchema,
  Out extends StandardSchema,
  const Idempotent extends boolean,
>(
  input: In,
  output: Out,
  options: IdempotentOption<Idempotent>,
): Method<'call', In, Out, undefined, Idempotent>;
/** A method with one answer, whose caller sends a stream of items. */
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
 * A method with a stream of answers; with `items`, the caller sends a stream as well.
 *
 * @throws OptionError `OPTION_INVALID` for a value that is not a schema
 */
export function stream<In extends StandardSchema, Out extends StandardSchema>(
  input: In,
  item: Out,
): Method<'stream', In, Out, undefined, false>;
/** A method with a stream of answers, whose caller sends a stream as well. */
export function stream<
  In extends StandardSchema,
  Out extends StandardSchema,
  Items extends StandardSchema,
>(input: In, item: Out, options: ItemsOption<Items>): Method<'stream', In, Out, Items, false>;
export function stream(
  input: StandardSchema,
  item: StandardSchema,
  options: Partial<ItemsOption<StandardSchema>> = {},
): Method {
  return method('stream', input, item, STREAM_OPTIONS.resolve(options).items, false);
}

/**
 * A method without an answer.
 *
 * @throws OptionError `OPTION_INVALID` for a value that is not a schema
 */
export function notice<In extends StandardSchema>(
  input: In,
): Method<'notice', In, undefined, undefined, false> {
  const schema = checkSchema(input);
  return { kind: 'notice', input: schema, output: undefined, items: undefined, idempotent: false };
}

function method(
  kind: 'call' | 'stream',
  input: StandardSchema,
  output: StandardSchema,
  given: StandardSchema | undefined,
  idempotent: boolean,
): Method {
  const items = given === undefined ? undefined : checkSchema(given);
  return { kind, input: checkSchema(input), output: checkSchema(output), items, idempotent };
}
