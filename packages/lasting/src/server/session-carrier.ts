// Lasting channels go from one process to another over a connection, as calls of an ExchangeHandler at each end. The first byte of a
// call says what it is about:
//
//   1 expect   there will be some; no answer is waited for
//   2 take     the bytes of a lasting channel; answered by a ticket of 4 bytes, or refused
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
import {
  type BinaryExchange,
  type ExchangeHandler,
  type RequestScope,
  refusal,
} from '@headrace/handlers';
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
/** The code of a refusal on the wire. */
const NOT_TAKEN = 1024;

const ignore = (): void => {};

/**
 * Hands lasting channels over a connection, in the process that gives them: `table.handOver({ to: sessionsOver(exchange) })`.
 * `exchange` is a handler in the pipeline of an open connection to the other process, whose own handler answers with {@link
 * takesSessions}. Keep the connection until this process ends: its end means that this process is gone.
 *
 * If the other process refuses a channel, or the channel cannot have left, the error is `HAND_OVER_FAILED` and this process goes
 * on serving it. If the connection is lost while a channel is on its way, the error is `REQUEST_LOST`, and the process to which
 * the client reconnects continues the channel.
 */
export function sessionsOver(
  exchange: ExchangeHandler<BinaryExchange>,
): NonNullable<HandOverOptions['to']> {
  exchange.request(Buffer.of(EXPECT)).catch(ignore);
  return async (session) => {
    // `takeMs` limits it, and an answer that comes later is needed for its ticket.
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
    // It is a view of what was read.
    return Buffer.from(await exchange.request(request, { timeoutMs: false }));
  } catch (thrown) {
    const error = toError(thrown);
    if (!isCertain(error)) throw error;
    throw new ChannelError(LASTING_ERRORS.HAND_OVER_FAILED, error.message, {}, error);
  }
}

/** The other process has not taken it. */
function isCertain(error: Error): boolean {
  if (error instanceof EncodeError || isHeadraceError(error, 'REQUEST_REFUSED')) return true;
  return isHeadraceError(error) && error.details.sent === false;
}

/** Options of {@link takesSessions}. */
export interface TakesSessionsOptions extends TakeOptions {
  /** The table that takes the lasting channels. */
  readonly table: ResumeTable;
  /** The most channels of one connection that may wait for `begin` at a time; further ones are refused. @default 1024 */
  readonly maxArriving?: number;
}

const OPTIONS = describeOptions('takesSessions', {
  table: value<ResumeTable, { readonly required: true }>(
    'a ResumeTable',
    (given) => given instanceof ResumeTable,
    { required: true },
  ),
  childHandler: fn({
    answers: 'a promise',
    required: true,
    purpose: 'builds the pipeline of a lasting channel',
  }),
  childOptions: LASTING_CHANNEL_OPTIONS,
  restore: fn({ answers: 'at once', takes: 2, purpose: 'gives a channel back what was saved' }),
  maxArriving: whole({ min: 1, default: 1024 }),
});

type Takes = Resolved<TakesSessionsOptions, typeof OPTIONS.kinds>;

/**
 * Takes lasting channels from a connection: the `handle` of an `ExchangeHandler` with `binaryExchange()`, one for all
 * connections. The connections carry secrets and principals, so protect them: use a Unix domain socket in a folder of the
 * service's own, or TLS with certificates of both ends. The frame limit bounds the bytes of one lasting channel: its credit, and
 * the messages that wait for credit.
 *
 * From the first call of a connection to its end, no client is told that a channel is gone
 * (`expectSessions`); if the peer did not end the connection, this lasts for the table's `windowMs` more. Channels that wait for
 * `begin` when the connection ends begin then: the process that gave them is gone, or cannot serve them without its client.
 *
 * @example
 * ```ts run
 * import { lengthPrefixed } from '@headrace/codec';
 * import { Bootstrap, ServerBootstrap } from '@headrace/core';
 * import { binaryExchange, ExchangeHandler } from '@headrace/handlers';
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

/** The lasting channels that came over one connection and wait for the word that they begin here. */
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
      // A connection that broke says nothing about the process at its other end.
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
    // What it keeps are views, and the memory of the read may be used again.
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
        // It was given up here meanwhile, and its pipeline knows.
      }
    }
    this.waiting.clear();
  }
}

/** The other process is to read why. */
function refusing<T>(act: () => T): T {
  try {
    return act();
  } catch (thrown) {
    throw refusal(NOT_TAKEN, toError(thrown).message);
  }
}
