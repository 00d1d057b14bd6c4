/**
 * What a handler does to messages, for the compiler only: a phantom that no object carries.
 *
 * @typeParam ReadsIn - what `channelRead` takes
 * @typeParam ReadsOut - what it passes on towards the tail, {@link PassThrough} for "what came in"
 * @typeParam WritesIn - what `write` takes, {@link PassThrough} for "anything the one before me takes"
 * @typeParam WritesOut - what it writes towards the head; `never` for nothing of its own,
 *   {@link WhatItReads} for the messages it reads (an echo)
 *
 * @example
 * ```ts
 * class Upper implements Handler {
 *   declare readonly types: Types<string, string, PassThrough, never>;
 *   channelRead(ctx: Context, text: string) { ctx.fireChannelRead(text.toUpperCase()); }
 * }
 * ```
 */
export interface Types<ReadsIn, ReadsOut, WritesIn, WritesOut> {
  readonly readsIn: ReadsIn;
  readonly readsOut: ReadsOut;
  readonly writesIn: WritesIn;
  readonly writesOut: WritesOut;
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

// biome-ignore lint/suspicious/noExplicitAny: any handler's types
type AnyTypes = Types<any, any, any, any>;
type Unknown = Types<unknown, unknown, unknown, unknown>;

type TypesOf<H> = H extends { readonly types?: infer T }
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

type NextRead<T extends AnyTypes, R> = [T['readsOut']] extends [never]
  ? never
  : [T['readsOut']] extends [PassThrough]
    ? R
    : T['readsOut'];

type NextWrite<T extends AnyTypes, W> = [T['writesIn']] extends [never]
  ? never
  : [T['writesIn']] extends [PassThrough]
    ? W
    : T['writesIn'];

type Written<T extends AnyTypes, R> = unknown extends T['writesOut']
  ? unknown
  : T['writesOut'] extends PassThrough
    ? never
    : T['writesOut'] extends WhatItReads
      ? R
      : T['writesOut'];

/** Which handler the type of the next read comes from: those that pass everything through are not to blame. */
type ReadSource<T extends AnyTypes, H, Before> = [T['readsOut']] extends [never]
  ? H
  : [T['readsOut']] extends [PassThrough]
    ? Before
    : H;

type WriteSource<T extends AnyTypes, H, Before> = [T['writesIn']] extends [never]
  ? H
  : [T['writesIn']] extends [PassThrough]
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
  Fits<R, T['readsIn']> extends true
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
    : [CannotRead<H, T['readsIn'], Reader, R>, ...Rest];

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
