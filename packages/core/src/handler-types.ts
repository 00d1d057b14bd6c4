/**
 * What a handler declares about its messages. For the compiler only: nothing of it exists at run time. How
 * handlers fit each other is in handler-chain.ts.
 *
 * @module
 */

/** The four types of a handler's messages, by name. Each may be left out, see {@link Types}. */
export interface MessageTypes {
  /** What `channelRead` takes. */
  readonly reads?: unknown;
  /** What it passes on towards the tail; `never` for nothing. */
  readonly passesOn?: unknown;
  /** What its `write` takes from the handlers after it; `never` if they may not write. */
  readonly accepts?: unknown;
  /** What it writes towards the head; {@link WhatItReads} for the messages it reads (an echo). */
  readonly writes?: unknown;
}

declare const passThrough: unique symbol;
declare const whatItReads: unique symbol;

/**
 * A message of a type that only the neighbours know. In {@link Types}: the handler keeps the type that its
 * neighbour has. As the type of a message: it may be passed on as it is, and nothing else.
 */
export interface PassThrough {
  readonly [passThrough]: true;
}

/** In {@link Types}: the handler writes what it reads. */
export interface WhatItReads {
  readonly [whatItReads]: true;
}

/** The four names and no other: a misspelt one is refused. */
export type OnlyMessageTypes<T> = MessageTypes & {
  readonly [Name in Exclude<keyof T, keyof MessageTypes>]: never;
};

/** What {@link Types} makes of the four types; here of a handler about which nothing is known. */
export interface HandlerTypes {
  readonly reads: unknown;
  readonly passesOn: unknown;
  readonly accepts: unknown;
  readonly writes: unknown;
  /** What its context may fire by `fireChannelRead`. */
  readonly mayFire: unknown;
  /** What its context may write: messages of its own, and what passes through. */
  readonly mayWrite: unknown;
}

/** One of the four types, or what stands for it when it is left out. */
export type Named<T, Name extends keyof MessageTypes, LeftOut> = Name extends keyof T
  ? T[Name]
  : LeftOut;

export type Reads<T> = Named<T, 'reads', PassThrough>;
export type PassesOn<T> = Named<T, 'passesOn', PassThrough>;
export type Accepts<T> = Named<T, 'accepts', PassThrough>;
export type Writes<T> = Named<T, 'writes', Named<T, 'accepts', never>>;

/**
 * What a handler does to messages: a phantom that no object carries.
 *
 * What is left out passes through: `reads` and `accepts` then take whatever comes, and `passesOn` is what came
 * in. Without `writes` a handler writes what it accepts, and nothing of its own. So `Types` alone is a handler
 * that watches.
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
  readonly mayFire: [PassesOn<T>] extends [never]
    ? never
    : [PassesOn<T>] extends [PassThrough]
      ? Reads<T> | PassThrough
      : PassesOn<T>;
  readonly mayWrite:
    | Extract<Accepts<T>, PassThrough>
    | ([Writes<T>] extends [never]
        ? never
        : [Writes<T>] extends [WhatItReads]
          ? Reads<T>
          : Writes<T>);
}
