/**
 * The types that a handler declares for its messages. They are for the compiler only and do not exist at run time.
 * handler-chain.ts defines how handlers fit each other.
 *
 * @module
 */

/** The four types of a handler's messages, by name. Each type is optional, see {@link Types}. */
export interface MessageTypes {
  /** Messages that `channelRead` accepts. */
  readonly reads?: unknown;
  /** Messages that the handler passes on towards the tail, or `never` for none. */
  readonly passesOn?: unknown;
  /** Messages that `write` accepts from the handlers after it, or `never` if they may not write. */
  readonly accepts?: unknown;
  /** Messages that the handler writes towards the head, {@link WhatItReads} for an echo. */
  readonly writes?: unknown;
}

declare const passThrough: unique symbol;
declare const whatItReads: unique symbol;

/**
 * A message of a type that only the neighboring handlers know. In {@link Types}, the handler keeps the type of its neighbor. A
 * message of this type may only be passed on unchanged.
 */
export interface PassThrough {
  readonly [passThrough]: true;
}

/** In {@link Types}: the handler writes the type that it reads. */
export interface WhatItReads {
  readonly [whatItReads]: true;
}

/** A type that allows only the four names, so that the compiler reports a misspelled name. */
export type OnlyMessageTypes<T> = MessageTypes & {
  readonly [Name in Exclude<keyof T, keyof MessageTypes>]: never;
};

/** The result of {@link Types} for the four types. This base type describes a handler with unknown types. */
export interface HandlerTypes {
  /** Messages that `channelRead` accepts. */
  readonly reads: unknown;
  /** Messages that the handler passes on towards the tail. */
  readonly passesOn: unknown;
  /** Messages that `write` accepts from the handlers after it. */
  readonly accepts: unknown;
  /** Messages that the handler writes towards the head. */
  readonly writes: unknown;
  /** Messages that the context may fire with `fireChannelRead`. */
  readonly mayFire: unknown;
  /** Messages that the context may write: the handler's own messages and messages that pass through. */
  readonly mayWrite: unknown;
}

/** One of the four types, or `LeftOut` if the type is not declared. */
export type Named<T, Name extends keyof MessageTypes, LeftOut> = Name extends keyof T
  ? T[Name]
  : LeftOut;

/** The type that a handler reads. Without `reads`, it is any type. */
export type Reads<T> = Named<T, 'reads', PassThrough>;
/** The type that a handler passes on. Without `passesOn`, it is the type that the handler received. */
export type PassesOn<T> = Named<T, 'passesOn', PassThrough>;
/** The type that the `write` of a handler accepts. Without `accepts`, it is any type. */
export type Accepts<T> = Named<T, 'accepts', PassThrough>;
/** The type that a handler writes. Without `writes`, it is the type that the handler accepts. */
export type Writes<T> = Named<T, 'writes', Named<T, 'accepts', never>>;

/**
 * The effect of a handler on messages: a phantom type that no object carries.
 *
 * A type that is left out passes messages through. Without `reads` or `accepts`, the handler accepts any message. Without
 * `passesOn`, the type does not change. Without `writes`, the handler writes only messages that it accepts. Plain `Types`
 * describes a handler that only watches.
 *
 * @example
 * ```ts
 * class Upper implements Handler {
 *   declare readonly types: Types<{ reads: string; passesOn: string }>;
 *   channelRead(ctx: Context<Upper['types']>, text: string) { ctx.fireChannelRead(text.toUpperCase()); }
 * }
 * ```
 */
export interface Types<T extends OnlyMessageTypes<T> = Record<never, never>> {
  readonly reads: Reads<T>;
  readonly passesOn: PassesOn<T>;
  readonly accepts: Accepts<T>;
  readonly writes: Writes<T>;
  /** See {@link HandlerTypes.mayFire}. */
  readonly mayFire: [PassesOn<T>] extends [never]
    ? never
    : [PassesOn<T>] extends [PassThrough]
      ? Reads<T> | PassThrough
      : PassesOn<T>;
  /** See {@link HandlerTypes.mayWrite}. */
  readonly mayWrite:
    | Extract<Accepts<T>, PassThrough>
    | ([Writes<T>] extends [never]
        ? never
        : [Writes<T>] extends [WhatItReads]
          ? Reads<T>
          : Writes<T>);
}
