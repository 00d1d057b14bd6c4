// Handlers for the type tests: only their types matter.
import type {
  Context,
  Handler,
  OutboundBytes,
  PassThrough,
  Types,
  WhatItReads,
  WriteFuture,
} from '@headrace/core';

/** Bytes to frames. */
export class Frames implements Handler {
  declare readonly types: Types<Buffer, Buffer, PassThrough, never>;
}

/** Puts a length before bytes. */
export class Lengths implements Handler {
  declare readonly types: Types<PassThrough, PassThrough, Uint8Array, OutboundBytes>;
}

/** Bytes to text and back. */
export class Text implements Handler {
  declare readonly types: Types<Buffer, string, string, Buffer>;
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
  declare readonly types: Types<string, Request, Reply, string>;
}

/** Watches, changes nothing. */
export class Watch implements Handler {
  declare readonly types: Types<PassThrough, PassThrough, PassThrough, never>;
}

/** A sharable generic handler: keeps the type that it is told. */
export class Only<T> implements Handler {
  declare readonly types: Types<T, T, T, T>;
}

/** Answers what it reads. */
export class Echo implements Handler {
  declare readonly types: Types<PassThrough, never, PassThrough, WhatItReads>;
}

/** The application: reads requests, writes replies, passes nothing on. */
export class App implements Handler {
  declare readonly types: Types<Request, never, never, Reply>;
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
  declare readonly types: Types<unknown, unknown, unknown, unknown>;
}

/** Text to numbers, one way only. */
export class Numbers implements Handler {
  declare readonly types: Types<string, number, PassThrough, never>;
}

/** Writes numbers, as text. */
export class WritesNumbers implements Handler {
  declare readonly types: Types<PassThrough, PassThrough, number, string>;
}

/** Reads more than one type. */
export class ReadsBoth implements Handler {
  declare readonly types: Types<Request | Reply, never, PassThrough, never>;
}
