// Lasting channels move between processes over a connection, as calls of an ExchangeHandler at each end. The first byte of a
// call is its kind:
//
//   1 expect   announces channels; the caller does not wait for the answer
//   2 take     bytes of a lasting channel; the answer is a ticket of 4 bytes, or a refusal
//   3 begin    a ticket
//   4 drop     a ticket
import { Buffer } from 'node:buffer';
import { type Channel, ChannelError, EncodeError, isHeadraceError } from '@headrace/core';
import {
  describeOptions,
  fn,
  type Resolved,
  toError,
  value,
  whole,
} from '@headrace/core/authoring';
import type { RequestScope } from '@headrace/handlers';
import { type BinaryExchange, type ExchangeHandler, refusal } from '@headrace/rpc';
import { LASTING_CHANNEL_OPTIONS } from '../channel/lasting-channel.ts';
import { LASTING_ERRORS } from '../lasting-errors.ts';
import type { ArrivingSession, HandOverOptions } from './hand-over.ts';
import { ResumeTable } from './resume-table.ts';
import type { TakeOptions } from './resume-table-options.ts';

const EXPECT = 1;
const TAKE = 2;
const BEGIN = 3;
const DROP = 4;
const TICKET_BYTES = 4;
/** Code of a refusal in the protocol. */
const NOT_TAKEN = 1024;

const ignore = (): void => {};

/**
 * Returns a function that hands over lasting channels over a connection: `table.handOver({ to: sessionsOver(exchange) })`.
 * `exchange` is a handler on an open connection to the other process, which answers with {@link takesSessions}. Keep the
 * connection until this process ends, because the other process treats the end of the connection as the end of this process.
 *
 * If the other process refuses a channel, or certainly did not receive it, the error is `HAND_OVER_FAILED`, and this process
 * still serves the channel. If the connection is lost during the transfer, the error is `REQUEST_LOST`, and the channel continues
 * where the client reconnects.
 */
export function sessionsOver(
  exchange: ExchangeHandler<BinaryExchange>,
): NonNullable<HandOverOptions['to']> {
  exchange.request(Buffer.of(EXPECT)).catch(ignore);
  return async (session) => {
    // `takeMs` limits the call. The ticket of a later answer is still needed.
    const ticket = await answerTo(exchange, Buffer.concat([Buffer.of(TAKE), session]));
    const about = (kind: number) => Buffer.concat([Buffer.of(kind), ticket]);
    return {
      begin: async () => void (await exchange.request(about(BEGIN))),
      drop: async () => void (await exchange.request(about(DROP))),
    };
  };
}

async function answerTo(
  exchange: ExchangeHandler<BinaryExchange>,
  request: Buffer,
): Promise<Buffer> {
  try {
    // The answer is a view of the input.
    return Buffer.from(await exchange.request(request, { timeoutMs: false }));
  } catch (thrown) {
    const error = toError(thrown);
    if (!isCertain(error)) throw error;
    throw new ChannelError(LASTING_ERRORS.HAND_OVER_FAILED, error.message, {}, error);
  }
}

/** Returns true if the other process certainly has not accepted the channel. */
function isCertain(error: Error): boolean {
  if (error instanceof EncodeError || isHeadraceError(error, 'REQUEST_REFUSED')) return true;
  return isHeadraceError(error) && error.details.sent === false;
}

/** Options of {@link takesSessions}. */
export interface TakesSessionsOptions extends TakeOptions {
  /** Table that accepts the lasting channels. */
  readonly table: ResumeTable;
  /** Maximum number of channels of one connection that may wait for `begin`. Further channels are refused. @default 1024 */
  readonly maxArriving?: number;
}

const OPTIONS = describeOptions('takesSessions', {
  table: value<ResumeTable, { readonly required: true }>(
    'a ResumeTable',
    (given) => given instanceof ResumeTable,
    { required: true },
  ),
  childHandler: fn({
    answers: 'async',
    required: true,
    purpose: 'builds the pipeline of a lasting channel',
  }),
  childOptions: LASTING_CHANNEL_OPTIONS,
  restore: fn({ answers: 'sync', takes: 2, purpose: 'gives a channel back what was saved' }),
  maxArriving: whole({ min: 1, default: 1024 }),
});

type Takes = Resolved<TakesSessionsOptions, typeof OPTIONS.kinds>;

/**
 * Returns the `handle` of an `ExchangeHandler` with `binaryExchange()`, which accepts lasting channels. One function serves all
 * connections. The connections carry secrets and principals. Protect the connections with a Unix domain socket in the service's
 * own folder, or with TLS and certificates of both ends. The frame limit also limits the bytes of a lasting channel: its credit
 * and the messages that wait for credit.
 *
 * From the first call of a connection to its end, no client receives `RESUME_GONE` (`expectSessions`). If the peer did not end
 * the connection, this period is extended by the table's `windowMs`. Channels that wait for `begin` begin when the connection
 * ends, because the other process has ended, or cannot serve the channels without their clients.
 *
 * @example
 * ```ts run
 * import { lengthPrefixed } from '@headrace/codec';
 * import { Bootstrap, ServerBootstrap } from '@headrace/core';
 * import { binaryExchange, ExchangeHandler } from '@headrace/rpc';
 * import { ResumeTable, sessionsOver, takesSessions } from '@headrace/lasting';
 *
 * const format = binaryExchange();
 * const framing = () => lengthPrefixed({ maxFrameLength: 16 * 1024 * 1024 });
 *
 * // The new process.
 * const handle = takesSessions({ table: new ResumeTable(), childHandler: () => {} });
 * await using server = await new ServerBootstrap()
 *   .childHandler(({ pipeline }) => pipeline.addLast(...framing(), new ExchangeHandler({ format, handle })))
 *   .bind({ host: '127.0.0.1', port: 0 });
 *
 * // The old one.
 * const exchange = new ExchangeHandler({ format });
 * const carrier = await new Bootstrap()
 *   .handler(({ pipeline }) => pipeline.addLast(...framing(), exchange))
 *   .connect({ host: '127.0.0.1', port: server.port });
 * const { moved } = await new ResumeTable().handOver({ to: sessionsOver(exchange) });
 * console.log(moved); // prints 0
 * carrier.close();
 * ```
 */
export function takesSessions(
  options: TakesSessionsOptions,
): (request: Buffer, scope: RequestScope) => Buffer | undefined {
  const resolved = OPTIONS.resolve(options);
  const arrivals = new WeakMap<Channel, Arrivals>();
  return (request, { channel }) => {
    let present = arrivals.get(channel);
    if (present === undefined) {
      present = new Arrivals(resolved, channel);
      arrivals.set(channel, present);
    }
    return present.answer(request);
  };
}

/** The lasting channels that arrived over one connection and wait for `begin`. */
class Arrivals {
  private readonly settings: Takes;
  private readonly waiting = new Map<number, ArrivingSession>();
  private lastTicket = 0;

  constructor(settings: Takes, channel: Channel) {
    this.settings = settings;
    const { table } = settings;
    const expected = table.expectSessions();
    channel.onClosed(({ closeInfo }) => {
      this.beginAll();
      // The loss of a connection does not show whether the process at its other end has ended.
      if (closeInfo?.reason === 'peer') expected();
      else channel.clock.deadlines.schedule(expected, table.windowMs);
    });
  }

  answer(request: Buffer): Buffer | undefined {
    const [kind] = request;
    if (kind === EXPECT) return undefined;
    if (kind === TAKE) return this.take(request.subarray(1));
    if ((kind !== BEGIN && kind !== DROP) || request.length !== 1 + TICKET_BYTES) {
      throw refusal(
        NOT_TAKEN,
        `the other process speaks another version: ${kind} is not a request`,
      );
    }
    const ticket = request.readUInt32BE(1);
    const taken = this.waiting.get(ticket);
    if (taken === undefined) throw refusal(NOT_TAKEN, `no lasting channel waits as ${ticket}`);
    this.waiting.delete(ticket);
    if (kind === DROP) taken.drop();
    else refusing(() => taken.begin());
    return undefined;
  }

  private take(session: Buffer): Buffer {
    const { table, maxArriving, ...options } = this.settings;
    if (this.waiting.size >= maxArriving) {
      throw refusal(NOT_TAKEN, `${maxArriving} lasting channels wait for begin (maxArriving)`);
    }
    // The table keeps views, and the memory of the read can be reused.
    const taken = refusing(() => table.take(Buffer.from(session), options as TakeOptions));
    this.lastTicket = (this.lastTicket + 1) % 2 ** 32;
    this.waiting.set(this.lastTicket, taken);
    const answer = Buffer.alloc(TICKET_BYTES);
    answer.writeUInt32BE(this.lastTicket);
    return answer;
  }

  private beginAll(): void {
    for (const taken of this.waiting.values()) {
      try {
        taken.begin();
      } catch {
        // The channel was given up here meanwhile, and its pipeline was notified.
      }
    }
    this.waiting.clear();
  }
}

/** Passes the reason for a refusal to the other process. */
function refusing<T>(act: () => T): T {
  try {
    return act();
  } catch (thrown) {
    throw refusal(NOT_TAKEN, toError(thrown).message);
  }
}
