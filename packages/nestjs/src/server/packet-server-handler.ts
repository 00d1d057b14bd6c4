import {
  type Channel,
  type Context,
  DecodeError,
  DrainEvent,
  type DrainHold,
  EncodeError,
  type Handler,
  type Types,
} from '@headrace/core';
import { isPromiseLike, ReadGate, toError } from '@headrace/core/authoring';
import type { WritePacket } from '@nestjs/microservices';
import { type ControlMessage, controlOf, LEAVING, WELCOME } from '../wire/control-message.ts';
import { IncomingPacket } from './incoming-packet.ts';

/** A packet after the deserializer: what Nest's are made of. */
export interface ReceivedPacket {
  readonly pattern: unknown;
  readonly data: unknown;
  readonly id?: string | number;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What the handler of a connection needs from the server. None of it throws but `deserialize` and `serialize`. */
export interface PacketService {
  deserialize(message: unknown): unknown;
  serialize(answer: WritePacket & { id: string | number }): unknown;
  /** Begins to work on a request; each answer goes to `respond`, then `settled` tells that its function is done. */
  request(packet: ReceivedPacket, work: WorkOnPacket): void;
  event(packet: ReceivedPacket, work: WorkOnPacket): void;
  /** An answer could not be encoded; its caller is told so. */
  unanswered(channel: Channel, error: Error): void;
}

/** What one packet is about, for the server. */
export interface WorkOnPacket {
  readonly channel: Channel;
  readonly incoming: IncomingPacket;
  respond(answer: WritePacket): Promise<void> | undefined;
  /** The function, or what it promised, has settled. */
  settled(): void;
}

/** Limits of one connection. */
export interface PacketLimits {
  /** Requests that are open or running; one more is refused. */
  readonly maxRequests: number;
  /** Events that are worked on; while there are as many, reads are held. */
  readonly maxEvents: number;
}

const OVERLOADED = {
  err: { status: 'error', message: 'too many requests of this connection are under way' },
  isDisposed: true,
};
const NOT_ENCODABLE = {
  err: { status: 'error', message: 'the answer could not be encoded' },
  isDisposed: true,
};

/**
 * The packets of one connection of a server: passes them to Nest, writes the answers, and cancels what nobody waits
 * for any more.
 *
 * ```text
 *  wire | frame | codec | heartbeat | auth | [packets]
 * ```
 *
 * - **Place** last.
 * - **In** values of the codec.
 * - **Out** nothing; it writes answers.
 * - **Events** on a `DrainEvent` it tells the peer, and the channel does not end while a packet is worked on. Holds reads
 *   while `maxEvents` events are.
 * - **Errors** a packet without a pattern, with an id that is none or in use, or one that the deserializer refuses:
 *   `MESSAGE_INVALID`, then the channel ends as `bad-input`.
 * - **State** one channel: its requests and events.
 * - **Cost** an object for each packet, and an entry in a map for a request.
 */
export class PacketServerHandler implements Handler {
  declare readonly types: Types<{ reads: unknown; passesOn: never; writes: unknown }>;
  private readonly service: PacketService;
  private readonly limits: PacketLimits;
  private readonly hasControl: boolean;
  private readonly requests = new Map<string | number, IncomingPacket>();
  private readonly events = new Set<IncomingPacket>();
  /** Requests that are open or running. */
  private places = 0;
  private readonly gate = new ReadGate('PacketServerHandler');
  private drain: DrainEvent | undefined = undefined;
  private drainHold: DrainHold | undefined = undefined;
  private hasFailed = false;

  /** Packets that the deserializer has not made yet: later ones, and cancels, wait for them. */
  private pending: Promise<void> | undefined = undefined;

  constructor(service: PacketService, limits: PacketLimits, hasControl: boolean) {
    this.service = service;
    this.limits = limits;
    this.hasControl = hasControl;
  }

  // --- life ---

  handlerRemoved(): void {
    this.abandon();
    this.gate.release();
  }

  channelInactive(ctx: Context): void {
    this.abandon();
    ctx.fireChannelInactive();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof DrainEvent) {
      this.drain = event;
      this.holdDrain();
      if (this.hasControl && this.drainHold !== undefined) ctx.writeAndFlush(LEAVING);
    }
    ctx.fireUserEventTriggered(event);
  }

  private get isBusy(): boolean {
    return this.places > 0 || this.events.size > 0;
  }

  private holdDrain(): void {
    if (this.drain !== undefined && this.isBusy) this.drainHold ??= this.drain.hold('requests');
  }

  private releaseDrain(): void {
    if (this.drainHold === undefined || this.isBusy) return;
    const hold = this.drainHold;
    this.drainHold = undefined;
    hold.release();
  }

  private abandon(): void {
    const left = [...this.requests.values(), ...this.events];
    this.requests.clear();
    for (const incoming of left) {
      incoming.cancel();
      if (!incoming.isEvent) this.release(incoming);
    }
  }

  // --- input ---

  channelRead(ctx: Context, message: unknown): void {
    if (this.hasFailed) return;
    const control = this.hasControl ? controlOf(message) : undefined;
    if (control !== undefined) {
      // A cancel must not overtake its request.
      if (this.pending === undefined) this.takeControl(ctx, control);
      else this.takeLater(ctx, undefined, () => this.takeControl(ctx, control));
      return;
    }
    try {
      const packet = this.service.deserialize(message);
      if (this.pending === undefined && !isPromiseLike(packet)) this.accept(ctx, packet);
      else this.takeLater(ctx, packet, (value) => this.accept(ctx, value));
    } catch (thrown) {
      this.refuse(ctx, thrown);
    }
  }

  private takeControl(ctx: Context, control: ControlMessage): void {
    // Where nobody has to sign in, everybody is welcome.
    if (control.headrace === 'credentials') ctx.writeAndFlush(WELCOME);
    else if (control.headrace === 'cancel') this.cancel(control.id);
  }

  private cancel(id: string): void {
    const incoming = this.requests.get(id);
    if (incoming === undefined) return;
    this.requests.delete(id);
    incoming.cancel();
    this.release(incoming);
  }

  /** In the order in which they came. Each takes the place of an event, so that they cannot pile up. */
  private takeLater(ctx: Context, made: unknown, take: (value: unknown) => void): void {
    const waiting = new IncomingPacket(undefined);
    this.begin(ctx, waiting);
    const turn: Promise<void> = Promise.all([this.pending, made])
      .then(([, value]) => {
        this.end(waiting);
        if (!this.hasFailed && ctx.channel.isActive) take(value);
      })
      .catch((thrown: unknown) => {
        this.end(waiting);
        this.refuse(ctx, thrown);
      });
    this.pending = turn;
    void turn.then(() => {
      if (this.pending === turn) this.pending = undefined;
    });
  }

  private accept(ctx: Context, value: unknown): void {
    if (!isPacket(value)) throw new DecodeError('MESSAGE_INVALID', 'a packet has no pattern');
    const { id } = value;
    if (id === undefined) this.event(ctx, value);
    else if (typeof id === 'string' || typeof id === 'number') this.request(ctx, value, id);
    else throw new DecodeError('MESSAGE_INVALID', `the id of a request is a ${typeof id}`);
  }

  private refuse(ctx: Context, thrown: unknown): void {
    if (this.hasFailed) return;
    this.hasFailed = true;
    const cause = toError(thrown);
    const error =
      cause instanceof DecodeError
        ? cause
        : new DecodeError('MESSAGE_INVALID', 'a packet could not be read', {}, cause);
    ctx.fireExceptionCaught(error);
    this.abandon();
    ctx.channel.end({ reason: 'bad-input' });
  }

  // --- work ---

  private request(ctx: Context, packet: ReceivedPacket, id: string | number): void {
    if (this.requests.has(id)) {
      throw new DecodeError('MESSAGE_INVALID', 'the id of a request is in use');
    }
    if (this.places >= this.limits.maxRequests) {
      void this.writeAnswer(ctx, { ...OVERLOADED, id });
      return;
    }
    const incoming = new IncomingPacket(id);
    this.requests.set(id, incoming);
    this.places += 1;
    this.holdDrain();
    this.service.request(packet, {
      channel: ctx.channel,
      incoming,
      respond: (answer) => this.respond(ctx, incoming, answer),
      settled: () => {
        incoming.isRunning = false;
        this.release(incoming);
      },
    });
  }

  private event(ctx: Context, packet: ReceivedPacket): void {
    const incoming = new IncomingPacket(undefined);
    this.begin(ctx, incoming);
    const { channel } = ctx;
    const settled = () => this.end(incoming);
    this.service.event(packet, { channel, incoming, respond: () => undefined, settled });
  }

  private begin({ channel }: Context, event: IncomingPacket): void {
    this.events.add(event);
    this.holdDrain();
    if (this.events.size >= this.limits.maxEvents) this.gate.hold(channel);
  }

  private end(event: IncomingPacket): void {
    if (!this.events.delete(event)) return;
    if (this.events.size < this.limits.maxEvents) this.gate.release();
    this.releaseDrain();
  }

  /** A place is free again when nobody waits for the answer and its function is done. */
  private release(incoming: IncomingPacket): void {
    if (incoming.isOpen || incoming.isRunning || incoming.hasLeft) return;
    incoming.hasLeft = true;
    this.places -= 1;
    this.releaseDrain();
  }

  // --- answers ---

  private respond(
    ctx: Context,
    incoming: IncomingPacket,
    answer: WritePacket,
  ): Promise<void> | undefined {
    if (!incoming.isOpen) return undefined;
    const isLast = answer.isDisposed === true;
    if (isLast) this.answered(incoming);
    const writing = this.writeAnswer(ctx, { ...answer, id: incoming.id! }, incoming);
    if (!isLast) return writing;
    // Only now: a drain that waits for nothing else ends the channel.
    if (writing === undefined) this.release(incoming);
    else void writing.then(() => this.release(incoming));
    return writing;
  }

  /** No further answer follows. */
  private answered(incoming: IncomingPacket): void {
    this.requests.delete(incoming.id!);
    incoming.isOpen = false;
  }

  /** Never throws; Nest would take the process with it. */
  private writeAnswer(
    ctx: Context,
    answer: WritePacket & { id: string | number },
    incoming?: IncomingPacket,
  ): Promise<void> | undefined {
    try {
      const message = this.service.serialize(answer);
      if (!isPromiseLike(message)) {
        this.send(ctx, message, answer.id, incoming);
        return undefined;
      }
      return Promise.resolve(message).then(
        (value) => this.send(ctx, value, answer.id, incoming),
        (thrown) => this.answerFailed(ctx, answer.id, toError(thrown), incoming),
      );
    } catch (thrown) {
      this.answerFailed(ctx, answer.id, toError(thrown), incoming);
      return undefined;
    }
  }

  private send(
    ctx: Context,
    message: unknown,
    id: string | number,
    incoming: IncomingPacket | undefined,
  ): void {
    const future = ctx.writeAndFlush(message);
    if (!future.isSettled || future.isSuccess) return;
    const { error } = future;
    if (error instanceof EncodeError) this.answerFailed(ctx, id, error, incoming);
  }

  /** The caller is to know that no answer comes, and the log why. */
  private answerFailed(
    ctx: Context,
    id: string | number,
    error: Error,
    incoming: IncomingPacket | undefined,
  ): void {
    this.service.unanswered(ctx.channel, error);
    ctx.writeAndFlush({ ...NOT_ENCODABLE, id });
    if (incoming?.isOpen !== true) return;
    this.answered(incoming);
    incoming.cancel();
    this.release(incoming);
  }
}

function isPacket(value: unknown): value is ReceivedPacket {
  if (typeof value !== 'object' || value === null) return false;
  const { pattern } = value as { readonly pattern?: unknown };
  return pattern !== undefined && pattern !== null;
}
