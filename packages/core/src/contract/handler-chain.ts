/**
 * The compiler's check that the handlers of a pipeline fit each other. The types exist for the compiler only.
 *
 * @module
 */

import type { HandlerTypes, PassThrough, WhatItReads } from './handler-types.ts';

declare const misfit: unique symbol;

/**
 * The compiler's answer to a handler that does not fit: the reason, the neighbor, the neighbor's type, and the type of the handler
 * itself, which the compiler names before. A handler that passes everything through does not count.
 *
 * ```text
 * Argument of type 'App' is not assignable to parameter of type
 *   'Misfit<"cannot read what its neighbor passes on", Text, string, Request>'
 * ```
 *
 * The compiler cuts a text after some 160 characters: of more than four arguments it then leaves out those in the middle, and it
 * shortens long types. So there are four, the short ones first.
 */
export type Misfit<Reason, Neighbor, OfNeighbor, OfHandler> =
  'a handler that fits; Misfit names the reason, the neighbor, the type of the neighbor, the type of this handler' & {
    readonly [misfit]: readonly [Reason, Neighbor, OfNeighbor, OfHandler];
  };

/** In the compiler's messages, the part of the pipeline before the added handlers: the transport or earlier handlers. */
export interface ThePipelineSoFar {
  /** For the compiler only. */
  readonly pipelineSoFar: true;
}

/** The error for a name in the wrong place of `addLast`. */
export type NameAlone = 'handlers, or a name and one handler';

/** Whether a type is `any`. */
export type IsAny<T> = 0 extends 1 & T ? true : false;

/** The type of the message parameter of a method, or `unknown` if there is no such method or parameter, or if it is `any`. */
export type Parameter<H, Method extends 'channelRead' | 'write'> = H extends {
  readonly [M in Method]: (ctx: never, message: infer Message) => unknown;
}
  ? IsAny<Message> extends true
    ? unknown
    : [Message] extends [never]
      ? unknown
      : Message
  : unknown;

/** The type of the context of a handler's methods, from the first method that has one. */
export type ContextOf<H> = H extends {
  readonly channelRead: (ctx: infer C, message: never) => unknown;
}
  ? C
  : H extends { readonly write: (ctx: infer C, message: never) => unknown }
    ? C
    : H extends { readonly channelActive: (ctx: infer C) => unknown }
      ? C
      : unknown;

/** The messages that a context may fire. */
export type Fired<C> = C extends { fireChannelRead(message: infer M): void }
  ? [M] extends [never]
    ? never
    : PassThrough extends M
      ? unknown extends M
        ? unknown
        : PassThrough
      : M
  : unknown;

/** The messages that a context may write. */
export type WrittenOn<C> = C extends { write(message: infer M): unknown }
  ? unknown extends M
    ? unknown
    : Exclude<M, PassThrough>
  : unknown;

/** The types of a handler that declares no types, such as a literal, from the parameters of its methods. */
export interface Seen<H> extends HandlerTypes {
  readonly reads: 'channelRead' extends keyof H ? Parameter<H, 'channelRead'> : PassThrough;
  readonly passesOn: 'channelRead' extends keyof H ? Fired<ContextOf<H>> : PassThrough;
  readonly accepts: 'write' extends keyof H ? Parameter<H, 'write'> : PassThrough;
  readonly writes: WrittenOn<ContextOf<H>>;
}

/** The types that a handler declares, or `unknown` if it declares no types. */
export type Declared<H> = H extends { readonly types?: infer T } ? Exclude<T, undefined> : unknown;

/**
 * The types that a handler declares. For a handler without such types, such as a literal, they are the parameter types of its
 * methods, and `unknown` for the rest.
 */
export type TypesOf<H> =
  IsAny<H> extends true
    ? HandlerTypes
    : unknown extends Declared<H>
      ? Seen<H>
      : Declared<H> extends HandlerTypes
        ? Declared<H>
        : HandlerTypes;

/** Whether a type is `Mark`. Always false for `never`. */
export type Is<T, Mark> = [T] extends [never] ? false : [T] extends [Mark] ? true : false;

/** Whether a message of type `Given` fits where `Wanted` is expected. `unknown` always fits. */
export type Fits<Given, Wanted> = unknown extends Given
  ? true
  : Is<Wanted, PassThrough> extends true
    ? true
    : [Given] extends [Wanted]
      ? true
      : false;

/** The type that the next handler reads: the type that this handler passes on, or `R` if it passes everything through. */
export type NextRead<T extends HandlerTypes, R> =
  Is<T['passesOn'], PassThrough> extends true ? R : T['passesOn'];

/** The type that the next handler may write: the type that this handler accepts, or `W` if it passes everything through. */
export type NextWrite<T extends HandlerTypes, W> =
  Is<T['accepts'], PassThrough> extends true ? W : T['accepts'];

/** The messages that a handler writes, or `never` if it only passes writes through. */
export type Written<T extends HandlerTypes, R> = unknown extends T['writes']
  ? unknown
  : T['writes'] extends PassThrough
    ? never
    : T['writes'] extends WhatItReads
      ? R
      : T['writes'];

/** The handler that a type comes from. A handler that passes everything through is skipped. */
export type Source<T, H, Before> = Is<T, PassThrough> extends true ? Before : H;

/**
 * The tuple of handlers, if each handler fits the handler before it. Otherwise, the first handler that does not fit is replaced
 * by a {@link Misfit}.
 */
export type Chain<
  Handlers extends readonly unknown[],
  R,
  W,
  Reader = ThePipelineSoFar,
  Writer = ThePipelineSoFar,
  Fired = never,
> = Handlers extends readonly [infer H, ...infer Rest]
  ? Step<H, TypesOf<H>, Rest, R, W, Reader, Writer, Fired>
  : Handlers;

/** One step of {@link Chain}: the first handler, and the rest after it. */
export type Step<
  H,
  T extends HandlerTypes,
  Rest extends readonly unknown[],
  R,
  W,
  Reader,
  Writer,
  Fired,
> =
  IsName<H> extends true
    ? [NameAlone, ...Rest]
    : FirstOf<
          MisfitOf<H, T, R, W, Reader, Writer>,
          MisfitOfEvents<Exclude<EventsOf<H, 'answers'>, Fired>, Rest>
        > extends infer M
      ? [M] extends [never]
        ? [
            H,
            ...Chain<
              Rest,
              NextRead<T, R>,
              NextWrite<T, W>,
              Source<T['passesOn'], H, Reader>,
              Source<T['accepts'], H, Writer>,
              Fired | EventsOf<H, 'fires'>
            >,
          ]
        : [M, ...Rest]
      : never;

/** First reason why a handler does not fit, or `never` if it fits. */
export type MisfitOf<H, T extends HandlerTypes, R, W, Reader, Writer> = FirstOf<
  MisfitOfReads<T['reads'], Parameter<H, 'channelRead'>, Reader, R>,
  FirstOf<
    MisfitOfAccepts<T['accepts'], Parameter<H, 'write'>, Writer, W>,
    MisfitOfWrites<Written<T, R>, Writer, W>
  >
>;

/** The names of the user events that a handler declares, as far as the compiler knows them. */
export type EventsOf<H, Does extends 'fires' | 'answers'> =
  IsAny<H> extends true
    ? never
    : H extends { readonly userEvents: { readonly [D in Does]: readonly (infer Name)[] } }
      ? Literal<Name>
      : never;

/** A literal name, or `never` for `string`. */
export type Literal<Name> = Name extends string ? (string extends Name ? never : Name) : never;

/** The error for a handler that answers an event that only a handler after it fires. */
export type MisfitOfEvents<Unheard, Rest> = [Unheard] extends [never]
  ? never
  : Rest extends readonly [infer Next, ...infer More]
    ? [EventsOf<Next, 'fires'> & Unheard] extends [never]
      ? MisfitOfEvents<Unheard, More>
      : Misfit<
          'must stand after the handler that fires its event',
          Next,
          'fires',
          EventsOf<Next, 'fires'> & Unheard
        >
    : never;

/** The first type, or the other type if the first is `never`. */
export type FirstOf<One, Other> = [One] extends [never] ? Other : One;

/** Reason why a handler cannot read the messages of the handler before it, or `never` if it can. */
export type MisfitOfReads<Reads, Takes, Reader, R> =
  Is<Reads, PassThrough> extends true
    ? Fits<R, Takes> extends true
      ? never
      : Misfit<'cannot read what its neighbor passes on', Reader, R, Takes>
    : Fits<R, Reads> extends false
      ? Misfit<'cannot read what its neighbor passes on', Reader, R, Reads>
      : [Reads] extends [Takes]
        ? never
        : Misfit<'declares another type than its method takes', 'channelRead', Takes, Reads>;

/** Reason why a handler cannot accept the messages of the handlers after it, or `never` if it can. */
export type MisfitOfAccepts<Accepts, Takes, Writer, W> =
  Is<Accepts, PassThrough> extends true
    ? Fits<W, Takes> extends true
      ? never
      : Misfit<'cannot take for writing what its neighbor accepts', Writer, W, Takes>
    : [Accepts] extends [Takes]
      ? never
      : Misfit<'declares another type than its method takes', 'write', Takes, Accepts>;

/** Reason why the handlers before a handler do not accept its messages, or `never` if they do. */
export type MisfitOfWrites<Writes, Writer, W> = unknown extends Writes
  ? never
  : [Writes] extends [W]
    ? never
    : Misfit<'writes what its neighbor does not accept', Writer, W, Writes>;

/** The arguments of `addLast`: handlers that fit, or a name and one handler that fits. */
export type Fitting<Args extends readonly unknown[], R, W> = Args extends readonly [
  infer Name,
  infer H,
]
  ? IsName<Name> extends true
    ? readonly [Name, ...Chain<readonly [H], R, W>]
    : Chain<Args, R, W>
  : Chain<Args, R, W>;

/** Whether an argument of `addLast` is a name. */
export type IsName<T> = IsAny<T> extends true ? false : Is<T, string>;

/**
 * The parameter types for the arguments: each argument itself, or the misfit at the same place in `Verdicts`. Because this is a
 * mapped type, the compiler reports the error at the argument.
 */
export type OrMisfit<Args extends readonly unknown[], Verdicts> = {
  readonly [K in keyof Args]: K extends keyof Verdicts
    ? Verdicts[K] extends Args[K]
      ? Args[K]
      : Verdicts[K]
    : Args[K];
};

/** The messages that a handler after these handlers reads. */
export type ReadAfter<Args extends readonly unknown[], R> = Args extends readonly [
  infer H,
  ...infer Rest,
]
  ? ReadAfter<Rest, IsName<H> extends true ? R : NextRead<TypesOf<H>, R>>
  : Args extends readonly []
    ? R
    : unknown;

/** The messages that a handler after these handlers may write. */
export type WriteAfter<Args extends readonly unknown[], W> = Args extends readonly [
  infer H,
  ...infer Rest,
]
  ? WriteAfter<Rest, IsName<H> extends true ? W : NextWrite<TypesOf<H>, W>>
  : Args extends readonly []
    ? W
    : unknown;
