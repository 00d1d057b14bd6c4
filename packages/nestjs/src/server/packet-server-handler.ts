import {
  type Channel,
  type Context,
  DecodeError,
  EncodeError,
  type Handler,
  type Types,
} from '@headrace/core';
import { DrainGate, isPromiseLike, toError } from '@headrace/core/authoring';
import { CallOutput, jsonSize, WorkTable } from '@headrace/handlers/call';
import type { WritePacket } from '@nestjs/microservices';
import { type ControlMessage, controlOf, LEAVING, WELCOME } from '../wire/control-message.ts';
import { InOrder } from '../wire/in-order.ts';
import { IncomingPacket, type PacketOwner, type ReceivedPacket } from './incoming-packet.ts';

/** The part of the server that a connection's handler uses. Only `deserialize` and `serialize` may throw. */
export interface PacketService {
  deserialize(message: unknown): unknown;
  serialize(answer: WritePacket & { id: string | number }): unknown;
  /** Starts a request. Passes each answer to `respond`, and calls `settled` when the request's function has settled. */
  request(incoming: IncomingPacket): void;
  event(incoming: IncomingPacket): void;
  /** Called when an answer could not be encoded. The caller receives an error. */
  unanswered(channel: Channel, error: Error): void;
}

/** Limits of one connection. */
export interface PacketLimits {
  /** Maximum number of requests that are open or running. Further requests are refused. */
  readonly maxRequests: number;
  /** Maximum number of running events. At the maximum, the handler holds reads. */
  readonly maxEvents: number;
}

const OVERLOADED = lastError('too many requests of this connection are under way');
const NOT_ENCODABLE = lastError('the answer could not be encoded');
/** A mark for the place of a packet that the deserializer has not created yet. */
const UNREAD: ReceivedPacket = { pattern: undefined, data: undefined };

/**
 * Passes the packets of one connection of a server to Nest, writes the answers, and cancels requests whose answers are no
 * longer needed.
 *
 * ```text
 *  wire | frame | codec | heartbeat | auth | [packets]
 * ```
 *
 * - **Place** Last.
 * - **In** Values of the codec.
 * - **Out** Nothing; it writes answers.
 * - **Events** On a `DrainEvent` the handler notifies the peer, and the channel does not end while a packet is being handled.
 *   The handler holds reads while `maxEvents` events are running.
 * - **Errors** `MESSAGE_INVALID` for a packet without a pattern, with an id that is not valid or in use, or that the
 *   deserializer refuses. The channel then ends as `bad-input`.
 * - **State** One channel: its requests and events.
 * - **Cost** An object for each packet, and an entry in a map for a request.
 */
export class PacketServerHandler implements Handler, PacketOwner {
  declare readonly types: Types<{ reads: unknown; passesOn: never; writes: unknown }>;
  private readonly service: PacketService;
  private readonly limits: PacketLimits;
  private readonly hasControl: boolean;
  /** The output of the channel, which exists after `handlerAdded`. */
  private output!: CallOutput;
  private requests!: WorkTable<IncomingPacket>;
  private events!: WorkTable<IncomingPacket>;
  private readonly drain = new DrainGate('requests', () => this.isBusy);
  private hasFailed = false;
  /** Keeps the order of messages, because a cancel must not overtake its request. */
  private readonly order = new InOrder();

  constructor(service: PacketService, limits: PacketLimits, hasControl: boolean) {
    this.service = service;
    this.limits = limits;
    this.hasControl = hasControl;
  }

  // --- life ---

  handlerAdded(ctx: Context): void {
    const { maxRequests, maxEvents } = this.limits;
    const changed = (): void => this.drain.update();
    this.output = new CallOutput(ctx);
    const ofRequests = { concurrency: maxRequests, maxWaiting: 0, sizeOf: jsonSize };
    this.requests = new WorkTable(ctx, ofRequests, {
      begin: (incoming) => this.begin(this.requests, incoming),
      changed,
    });
    const maxWaiting = Number.POSITIVE_INFINITY;
    const ofEvents = {
      concurrency: maxEvents,
      maxWaiting,
      holds: 'PacketServerHandler',
      sizeOf: jsonSize,
    };
    this.events = new WorkTable(ctx, ofEvents, {
      begin: (incoming) => this.begin(this.events, incoming),
      changed,
    });
  }

  handlerRemoved(): void {
    this.abandon();
    this.events.release();
  }

  channelInactive(ctx: Context): void {
    this.abandon();
    ctx.fireChannelInactive();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    const isLeaving = this.drain.see(event) && event.endsChannel && this.drain.isHolding;
    if (isLeaving && this.hasControl) ctx.writeAndFlush(LEAVING);
    ctx.fireUserEventTriggered(event);
  }

  private get isBusy(): boolean {
    const { requests, events } = this;
    return requests.running > 0 || events.running > 0 || events.unanswered > 0;
  }

  private abandon(): void {
    this.requests.abandon();
    this.events.abandon();
  }

  // --- input ---

  channelRead(ctx: Context, message: unknown): void {
    if (this.hasFailed) return;
    this.output.beginRead();
    const control = this.hasControl ? controlOf(message) : undefined;
    try {
      if (control !== undefined) this.inTurn(ctx, undefined, () => this.takeControl(control));
      else this.inTurn(ctx, this.service.deserialize(message), (made) => this.accept(ctx, made));
    } catch (thrown) {
      this.refuse(ctx, thrown);
    }
  }

  channelReadComplete(ctx: Context): void {
    this.output.endRead();
    ctx.fireChannelReadComplete();
  }

  /**
   * Handles a packet in its order. A waiting packet uses the place of an event, so that the number of waiting packets is
   * limited.
   */
  private inTurn(ctx: Context, made: unknown, take: (value: unknown) => void): void {
    if (!this.order.mustWait(made)) {
      take(made);
      return;
    }
    const waiting = new IncomingPacket(this, ctx.channel, UNREAD);
    this.takeEvent(waiting);
    const taken = (value: unknown): void => {
      this.settled(waiting);
      if (!this.hasFailed && ctx.channel.isActive) take(value);
    };
    this.order.later(made, taken, (thrown) => {
      this.settled(waiting);
      this.refuse(ctx, thrown);
    });
  }

  private takeControl(control: ControlMessage): void {
    // Without an authenticator every client's credentials are accepted.
    if (control.headrace === 'credentials') this.output.write(WELCOME);
    else if (control.headrace === 'cancel') this.cancel(control.id);
  }

  private cancel(id: string): void {
    const incoming = this.requests.find(id);
    if (incoming !== undefined) this.end(incoming);
  }

  private accept({ channel }: Context, value: unknown): void {
    if (!isPacket(value)) throw new DecodeError('MESSAGE_INVALID', 'a packet has no pattern');
    const { id } = value;
    const incoming = new IncomingPacket(this, channel, value);
    if (id === undefined) this.takeEvent(incoming);
    else if (isId(id)) this.takeRequest(incoming, id);
    else {
      const kind = typeof id === 'number' ? 'number beyond 2^53' : typeof id;
      throw new DecodeError('MESSAGE_INVALID', `the id of a request is a ${kind}`);
    }
  }

  private refuse(ctx: Context, thrown: unknown): void {
    if (this.hasFailed) return;
    this.hasFailed = true;
    const cause = toError(thrown);
    const error =
      cause instanceof DecodeError
        ? cause
        : new DecodeError(
            'MESSAGE_INVALID',
            `a packet could not be read: ${cause.message}`,
            {},
            cause,
          );
    ctx.fireExceptionCaught(error);
    this.abandon();
    ctx.channel.end({ reason: 'bad-input' });
  }

  // --- work ---

  private takeRequest(incoming: IncomingPacket, id: string | number): void {
    if (this.requests.find(id) !== undefined) {
      throw new DecodeError('MESSAGE_INVALID', 'the id of a request is in use');
    }
    if (!this.requests.take(incoming)) void this.writeAnswer(incoming, OVERLOADED);
    this.drain.update();
  }

  private takeEvent(incoming: IncomingPacket): void {
    this.events.take(incoming);
    this.events.gateReads();
    this.drain.update();
  }

  /** Starts a packet. After that, the table finds it by its id, and aborts it with the channel. */
  private begin(table: WorkTable<IncomingPacket>, incoming: IncomingPacket): void {
    table.enter(incoming);
    this.drain.update();
    if (incoming.body === UNREAD) return;
    if (table === this.events) this.service.event(incoming);
    else this.service.request(incoming);
  }

  settled(incoming: IncomingPacket): void {
    if (incoming.id !== undefined) {
      this.release(incoming);
      return;
    }
    this.events.close(incoming);
    if (this.events.settle(incoming)) this.events.resume();
  }

  /** Frees the place of a request whose answer is no longer awaited and whose function has settled. */
  private release(incoming: IncomingPacket): void {
    if (incoming.isOpen || incoming.isRunning) return;
    this.requests.settle(incoming);
    this.drain.update();
  }

  /** Ends a request whose answers are no longer needed. */
  private end(incoming: IncomingPacket): void {
    this.requests.close(incoming);
    incoming.abort();
    this.release(incoming);
  }

  // --- answers ---

  respond(incoming: IncomingPacket, answer: WritePacket): Promise<void> | undefined {
    if (!incoming.isOpen || incoming.id === undefined) return undefined;
    const isLast = answer.isDisposed === true;
    if (isLast) this.requests.close(incoming);
    const writing = this.writeAnswer(incoming, answer);
    if (!isLast) return writing;
    // Release last, because a drain that waits for nothing else ends the channel.
    if (writing === undefined) this.release(incoming);
    else void writing.then(() => this.release(incoming));
    return writing;
  }

  /** Writes an answer. Never throws, because in Nest an error would end the process. */
  private writeAnswer(incoming: IncomingPacket, answer: WritePacket): Promise<void> | undefined {
    const failed = (thrown: unknown): void => this.answerFailed(incoming, toError(thrown));
    try {
      const message = this.service.serialize({ ...answer, id: incoming.id! });
      if (!isPromiseLike(message)) {
        this.send(incoming, message);
        return undefined;
      }
      return Promise.resolve(message)
        .then((value) => this.send(incoming, value))
        .catch(failed);
    } catch (thrown) {
      failed(thrown);
      return undefined;
    }
  }

  private send(incoming: IncomingPacket, message: unknown): void {
    const future = this.output.write(message);
    if (!future.isSettled || future.isSuccess) return;
    const { error } = future;
    if (error instanceof EncodeError) this.answerFailed(incoming, error);
  }

  /** Sends an error to the caller, because no answer will follow, and logs the cause. */
  private answerFailed(incoming: IncomingPacket, error: Error): void {
    this.service.unanswered(incoming.channel, error);
    this.output.write({ ...NOT_ENCODABLE, id: incoming.id });
    if (incoming.isOpen) this.end(incoming);
  }
}

function lastError(message: string): WritePacket {
  return { err: { status: 'error', message }, isDisposed: true };
}

/** Returns true for an id that an answer can repeat. JavaScript rounds the digits of a larger number. */
function isId(id: unknown): id is string | number {
  return typeof id === 'number' ? Math.abs(id) <= Number.MAX_SAFE_INTEGER : typeof id === 'string';
}

function isPacket(value: unknown): value is ReceivedPacket {
  if (typeof value !== 'object' || value === null) return false;
  const { pattern } = value as { readonly pattern?: unknown };
  return pattern !== undefined && pattern !== null;
}
