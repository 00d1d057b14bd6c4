/**
 * The types that a handler declares for its messages. For the compiler only: nothing of them exists
 * at run time. How handlers fit each other is in handler-chain.ts.
 *
 * @module
 */

/** The four types of a handler's messages, by name. Each may be left out, see {@link Types}. */
export interface MessageTypes {
  /** Messages that `channelRead` takes. */
  readonly reads?: unknown;
  /** Messages that it passes on towards the tail; `never` for none. */
  readonly passesOn?: unknown;
  /** Messages that its `write` takes from the handlers after it; `never` if they may not write. */
  readonly accepts?: unknown;
  /** Messages that it writes towards the head; {@link WhatItReads} for those it reads (an echo). */
  readonly writes?: unknown;
}

declare const passThrough: unique symbol;
declare const whatItReads: unique symbol;

/**
 * A message of a type that only the neighbors know. In {@link Types}: the handler keeps the type that its
 * neighbor has. As the type of a message: it may be passed on as it is, and nothing else.
 */
export interface PassThrough {
  readonly [passThrough]: true;
}

/** In {@link Types}: the handler writes what it reads. */
export interface WhatItReads {
  readonly [whatItReads]: true;
}

/** The four names and no other: a misspelled one is refused. */
export type OnlyMessageTypes<T> = MessageTypes & {
  readonly [Name in Exclude<keyof T, keyof MessageTypes>]: never;
};

/**
 * The result of {@link Types} for the four types; here for a handler about which nothing is known.
 */
export interface HandlerTypes {
  /** Messages that `channelRead` takes. */
  readonly reads: unknown;
  /** Messages that it passes on towards the tail. */
  readonly passesOn: unknown;
  /** Messages that its `write` takes from the handlers after it. */
  readonly accepts: unknown;
  /** Messages that it writes towards the head. */
  readonly writes: unknown;
  /** Messages that its context may fire by `fireChannelRead`. */
  readonly mayFire: unknown;
  /** Messages that its context may write: its own, and those that pass through. */
  readonly mayWrite: unknown;
}

/** One of the four types, or what stands for it when it is left out. */
export type Named<T, Name extends keyof MessageTypes, LeftOut> = Name extends keyof T
  ? T[Name]
  : LeftOut;

/** Messages that a handler reads; without `reads` any. */
export type Reads<T> = Named<T, 'reads', PassThrough>;
/** Messages that a handler passes on; without `passesOn` those that came in. */
export type PassesOn<T> = Named<T, 'passesOn', PassThrough>;
/** Messages that a handler takes for writing; without `accepts` any. */
export type Accepts<T> = Named<T, 'accepts', PassThrough>;
/** Messages that a handler writes; without `writes` those that it accepts. */
export type Writes<T> = Named<T, 'writes', Named<T, 'accepts', never>>;

/**
 * The effect of a handler on messages: a phantom type that no object carries.
 *
 * A type that is left out passes messages through: `reads` and `accepts` then take any message, and
 * `passesOn` is the type that came in. Without `writes` a handler writes what it accepts, and
 * nothing of its own. So `Types` alone is a handler that watches.
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
  /** As {@link HandlerTypes.mayFire}. */
  readonly mayFire: [PassesOn<T>] extends [never]
    ? never
    : [PassesOn<T>] extends [PassThrough]
      ? Reads<T> | PassThrough
      : PassesOn<T>;
  /** As {@link HandlerTypes.mayWrite}. */
  readonly mayWrite:
    | Extract<Accepts<T>, PassThrough>
    | ([Writes<T>] extends [never]
        ? never
        : [Writes<T>] extends [WhatItReads]
          ? Reads<T>
          : Writes<T>);
}
