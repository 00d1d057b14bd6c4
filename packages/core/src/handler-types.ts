/**
 * The four types of a handler's messages. Each may be left out, see {@link Types}.
 */
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

/** Nothing but the four names: a misspelt one is refused. */
type OnlyNamed<T> = MessageTypes & { readonly [K in Exclude<keyof T, keyof MessageTypes>]: never };

type Named<T, Name extends keyof MessageTypes, LeftOut> = Name extends keyof T ? T[Name] : LeftOut;

/**
 * What a handler does to messages, for the compiler only: a phantom that no object carries.
 *
 * What is left out passes through: `reads` and `accepts` then take whatever comes, `passesOn` is what came in.
 * Without `writes` a handler writes nothing but what it accepts. So `Types` alone is a handler that watches.
 *
 * @example
 * ```ts
 * class Upper implements Handler {
 *   declare readonly types: Types<{ reads: string; passesOn: string }>;
 *   channelRead(ctx: Context, text: string) { ctx.fireChannelRead(text.toUpperCase()); }
 * }
 * ```
 */
export interface Types<T extends OnlyNamed<T> = Record<never, never>> {
  readonly reads: Named<T, 'reads', PassThrough>;
  readonly passesOn: Named<T, 'passesOn', PassThrough>;
  readonly accepts: Named<T, 'accepts', PassThrough>;
  readonly writes: Named<T, 'writes', never>;
}

declare const passThrough: unique symbol;
declare const whatItReads: unique symbol;

/** In {@link Types}: the handler keeps the type that its neighbour has. */
export interface PassThrough {
  readonly [passThrough]: true;
}

/** In {@link Types}: the handler writes what it reads. */
export interface WhatItReads {
  readonly [whatItReads]: true;
}

/**
 * The compiler's answer to a handler that reads something else than what comes to it: which handler, what it
 * reads, which handler before it (past those that pass everything through) passes on what else.
 */
export interface CannotRead<Handler, Reads, Before, PassesOn> {
  readonly 'cannot read what the handler before it passes on': [Handler, Reads, Before, PassesOn];
}

/** The compiler's answer to a handler that writes something that the handler before it does not accept. */
export interface CannotWrite<Handler, Writes, Before, Accepts> {
  readonly 'writes what the handler before it does not accept': [Handler, Writes, Before, Accepts];
}

/** Stands in the compiler's messages for what lies before the handlers added: the transport, or earlier handlers. */
export interface ThePipelineSoFar {
  readonly pipelineSoFar: true;
}

type AnyTypes = Required<MessageTypes>;
type Unknown = Types<{ reads: unknown; passesOn: unknown; accepts: unknown; writes: unknown }>;

/** The types that a handler declares; all `unknown` if it declares none. */
export type TypesOf<H> = H extends { readonly types?: infer T }
  ? unknown extends T
    ? Unknown
    : Exclude<T, undefined> extends AnyTypes
      ? Exclude<T, undefined>
      : Unknown
  : Unknown;

type Fits<Given, Wanted> = unknown extends Given
  ? true
  : [Wanted] extends [PassThrough]
    ? true
    : [Given] extends [Wanted]
      ? true
      : false;

type NextRead<T extends AnyTypes, R> = [T['passesOn']] extends [never]
  ? never
  : [T['passesOn']] extends [PassThrough]
    ? R
    : T['passesOn'];

type NextWrite<T extends AnyTypes, W> = [T['accepts']] extends [never]
  ? never
  : [T['accepts']] extends [PassThrough]
    ? W
    : T['accepts'];

type Written<T extends AnyTypes, R> = unknown extends T['writes']
  ? unknown
  : T['writes'] extends PassThrough
    ? never
    : T['writes'] extends WhatItReads
      ? R
      : T['writes'];

/** Which handler the type of the next read comes from: those that pass everything through are not to blame. */
type ReadSource<T extends AnyTypes, H, Before> = [T['passesOn']] extends [never]
  ? H
  : [T['passesOn']] extends [PassThrough]
    ? Before
    : H;

type WriteSource<T extends AnyTypes, H, Before> = [T['accepts']] extends [never]
  ? H
  : [T['accepts']] extends [PassThrough]
    ? Before
    : H;

type Accepts<Given, Wanted> = unknown extends Wanted
  ? true
  : unknown extends Given
    ? true
    : [Given] extends [Wanted]
      ? true
      : false;

/**
 * The handlers themselves if each fits the one before it; else the tuple in which the first misfit is a
 * {@link CannotRead} or {@link CannotWrite}, so that the compiler's message names both handlers and both types.
 */
export type Chain<
  Handlers extends readonly unknown[],
  R,
  W,
  Reader = ThePipelineSoFar,
  Writer = ThePipelineSoFar,
> = Handlers extends readonly [infer H, ...infer Rest]
  ? Step<H, TypesOf<H>, Rest, R, W, Reader, Writer>
  : Handlers;

type Step<H, T extends AnyTypes, Rest extends readonly unknown[], R, W, Reader, Writer> =
  Fits<R, T['reads']> extends true
    ? Accepts<Written<T, R>, W> extends true
      ? [
          H,
          ...Chain<
            Rest,
            NextRead<T, R>,
            NextWrite<T, W>,
            ReadSource<T, H, Reader>,
            WriteSource<T, H, Writer>
          >,
        ]
      : [CannotWrite<H, Written<T, R>, Writer, W>, ...Rest]
    : [CannotRead<H, T['reads'], Reader, R>, ...Rest];

/** What a handler behind these would read. */
export type ReadAfter<Handlers extends readonly unknown[], R> = Handlers extends readonly [
  infer H,
  ...infer Rest,
]
  ? ReadAfter<Rest, NextRead<TypesOf<H>, R>>
  : Handlers extends readonly []
    ? R
    : unknown;

/** What a handler behind these may write. */
export type WriteAfter<Handlers extends readonly unknown[], W> = Handlers extends readonly [
  infer H,
  ...infer Rest,
]
  ? WriteAfter<Rest, NextWrite<TypesOf<H>, W>>
  : Handlers extends readonly []
    ? W
    : unknown;
