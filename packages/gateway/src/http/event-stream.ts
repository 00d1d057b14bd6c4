import { Buffer } from 'node:buffer';
import type { ServerResponse } from 'node:http';
import { Duplex } from 'node:stream';
import {
  type Channel,
  type Clock,
  type Context,
  type Handler,
  type Logger,
  openChannel,
  StreamTransport,
  type WriteFuture,
} from '@headrace/core';
import { encodeOnce, toBuffer } from '@headrace/core/authoring';
import { IdleStateEvent, IdleStateHandler } from '@headrace/handlers';
import type { LogPosition } from '@headrace/store';
import type { Listening } from '../gateway/remote-connections.ts';
import { StreamAnswer } from './api-error.ts';

/** A message of a group, as a listener receives it. */
export interface ListenedEvent {
  /** The message, as JSON represents it, or bytes. */
  readonly data: unknown;
  /** The position of the message in the log of a durable group. */
  readonly position?: LogPosition | undefined;
}

/** The options of a stream of events. */
export interface EventStreamOptions {
  readonly heartbeatMs: number;
  readonly toEvent: ((message: unknown) => ListenedEvent) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Headers that ask proxies to forward the stream at once and unchanged. */
const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
};
/** An empty comment, which clients ignore. */
const COMMENT = Buffer.from(':\n\n');
const POSITION = /^([^:\s]{1,256}):(\d{1,15})$/;

/** Begins an answer with server-sent events. Messages that are written to the channel become events. */
export function openEventStream(response: ServerResponse, options: EventStreamOptions): Channel {
  response.writeHead(200, HEADERS);
  response.flushHeaders();
  const { heartbeatMs, toEvent, clock, logger } = options;
  return openChannel(new StreamTransport(new ResponseStream(response)), {
    clock,
    logger,
    initialize: ({ pipeline }) => {
      pipeline.addLast(
        new IdleStateHandler({ writerIdleMs: heartbeatMs }),
        new EventEncoder(toEvent),
      );
    },
  });
}

/** Answers as {@link openEventStream} does, without the events: the answer to HEAD. */
export function noEventStream(): StreamAnswer {
  return new StreamAnswer((response) => response.writeHead(200, HEADERS).end());
}

/** Returns the position in the header `Last-Event-ID`, or undefined for none. */
export function positionIn(header: string | string[] | undefined): LogPosition | undefined {
  const [, epoch, offset] = POSITION.exec(String(header ?? '')) ?? [];
  return epoch === undefined ? undefined : { epoch, offset: Number(offset) };
}

/** Writes messages as events, and a comment after each time without output. */
class EventEncoder implements Handler {
  private readonly toEvent: EventStreamOptions['toEvent'];

  constructor(toEvent: EventStreamOptions['toEvent']) {
    this.toEvent = toEvent;
  }

  write(ctx: Context, message: unknown): WriteFuture {
    return ctx.write(this.encoded(message));
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof IdleStateEvent) ctx.writeAndFlush(COMMENT);
    else ctx.fireUserEventTriggered(event);
  }

  private encoded(message: unknown): Buffer {
    if (message instanceof JoinedEvent) return joinedEvent(message.listening);
    const { toEvent } = this;
    if (toEvent === undefined) return encodeOnce('server-sent event', message, plainEvent);
    const { data, position } = toEvent(message);
    return eventOf(data, position);
  }
}

/** The event after which a listener misses no message. */
export class JoinedEvent {
  readonly listening: Listening;

  constructor(listening: Listening) {
    this.listening = listening;
  }
}

function joinedEvent({ recovered, position }: Listening): Buffer {
  const id = position === undefined ? undefined : textOf(position);
  return eventOf({ recovered, position: id ?? null }, position, 'event: joined\n');
}

function plainEvent(message: unknown): Buffer {
  return eventOf(message, undefined);
}

/** The text of JSON has no line breaks. Bytes are base64, in an event of their own name. */
function eventOf(data: unknown, position: LogPosition | undefined, name = ''): Buffer {
  if (data instanceof Uint8Array) {
    return eventOf(toBuffer(data).toString('base64'), position, 'event: bytes\n');
  }
  const id = position === undefined ? '' : `id: ${textOf(position)}\n`;
  return Buffer.from(`${name}${id}data: ${JSON.stringify(data) ?? 'null'}\n\n`, 'utf8');
}

function textOf({ epoch, offset }: LogPosition): string {
  return `${epoch}:${offset}`;
}

/** The body of an answer as a stream whose writes end when the kernel has them. The end of the connection destroys it. */
class ResponseStream extends Duplex {
  private readonly response: ServerResponse;

  constructor(response: ServerResponse) {
    super();
    this.response = response;
    response.on('error', () => {});
    response.once('close', () => this.destroy());
    // The client has gone before the stream begins.
    if (response.destroyed) this.destroy();
  }

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.response.write(bytes, done);
  }

  override _final(done: () => void): void {
    this.response.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.response.destroy();
    done(error);
  }
}
