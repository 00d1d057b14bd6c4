// Handlers for the type tests: only their types matter.
import type {
  Context,
  Handler,
  OutboundBytes,
  Types,
  WhatItReads,
  WriteFuture,
} from '@headrace/core';

/** Bytes to frames. */
export class Frames implements Handler {
  declare readonly types: Types<{ reads: Buffer; passesOn: Buffer }>;
}

/** Puts a length before bytes. */
export class Lengths implements Handler {
  declare readonly types: Types<{ accepts: Uint8Array; writes: OutboundBytes }>;
}

/** Bytes to text and back. */
export class Text implements Handler {
  declare readonly types: Types<{
    reads: Buffer;
    passesOn: string;
    accepts: string;
    writes: Buffer;
  }>;
}

export interface Request {
  readonly kind: 'request';
  readonly id: number;
}
export interface Reply {
  readonly kind: 'reply';
  readonly id: number;
}

/** Text to requests, replies to text. */
export class Rpc implements Handler {
  declare readonly types: Types<{
    reads: string;
    passesOn: Request;
    accepts: Reply;
    writes: string;
  }>;
}

/** Watches, changes nothing. */
export class Watch implements Handler {
  declare readonly types: Types;
}

/** A sharable generic handler: keeps the type that it is given. */
export class Only<T> implements Handler {
  declare readonly types: Types<{ reads: T; passesOn: T; accepts: T; writes: T }>;
}

/** Answers what it reads. */
export class Echo implements Handler {
  declare readonly types: Types<{ passesOn: never; writes: WhatItReads }>;
}

/** The application: reads requests, writes replies, passes nothing on. */
export class App implements Handler {
  declare readonly types: Types<{ reads: Request; passesOn: never; accepts: never; writes: Reply }>;
}

/** Says nothing about its types. */
export class Untyped implements Handler {
  channelRead(ctx: Context, message: unknown): void {
    ctx.fireChannelRead(message);
  }

  write(ctx: Context, message: unknown): WriteFuture {
    return ctx.write(message);
  }
}

/** Whatever is decided at run time. */
export class Dynamic implements Handler {
  declare readonly types: Types<{
    reads: unknown;
    passesOn: unknown;
    accepts: unknown;
    writes: unknown;
  }>;
}

/** Text to numbers, one way only. */
export class Numbers implements Handler {
  declare readonly types: Types<{ reads: string; passesOn: number }>;
}

/** Writes numbers, as text. */
export class WritesNumbers implements Handler {
  declare readonly types: Types<{ accepts: number; writes: string }>;
}

/** Reads more than one type. */
export class ReadsBoth implements Handler {
  declare readonly types: Types<{ reads: Request | Reply; passesOn: never }>;
}

/** Fires an event. */
export class Rings implements Handler {
  get userEvents(): { readonly fires: readonly 'Ring'[] } {
    return { fires: ['Ring'] };
  }
}

/** Does nothing without that event. */
export class Answers implements Handler {
  get userEvents(): { readonly answers: readonly 'Ring'[] } {
    return { answers: ['Ring'] };
  }
}
