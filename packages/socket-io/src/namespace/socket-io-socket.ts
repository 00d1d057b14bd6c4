import { AttributeKey, type Channel, type Context, type WriteFuture } from '@headrace/core';
import { requestLost } from '@headrace/handlers/call';
import { Acks } from './acks.ts';
import type { AnswerOf, AnyEvents, EventArgs, EventName, SentArgs } from './event-map.ts';
import type { SocketIoHandshake } from './handshake.ts';
import type { RecoverySession } from './recovery-session.ts';
import { disconnect, type Rooms } from './rooms.ts';
import { SocketIoBroadcast } from './socket-io-broadcast.ts';
import { EventAnswer, SocketIoEvent } from './socket-io-event.ts';

/** Options of an event that the client must answer. */
export interface AnswerOptions {
  /** Maximum time until the answer, in milliseconds. @default `ackTimeoutMs` of the namespace */
  readonly timeoutMs?: number;
  /** Signal that cancels the wait. @default never */
  readonly signal?: AbortSignal;
}

/** @internal The limits of a namespace for its clients. */
export interface SocketLimits {
  readonly ackTimeoutMs: number;
  readonly maxUnanswered: number;
}

/**
 * A client of a namespace, with the events that the server can send to it.
 *
 * @typeParam Out - the events that the server sends
 */
export class SocketIoSocket<Out = AnyEvents> {
  /** Id of the client in this namespace, which the client knows as `socket.id`. */
  readonly id: string;
  /** Channel of the client in this namespace. Its parent is the channel of the connection. */
  readonly channel: Channel;
  readonly handshake: SocketIoHandshake;
  /**
   * Whether the client was away and has come again with its id, its rooms and its `data`, and with all events that it missed. Always
   * false without the option `recovery` of the namespace.
   */
  readonly recovered: boolean;
  /** What the application keeps for the client. */
  readonly data: Record<string, unknown>;
  private readonly all: Rooms;
  private readonly limits: SocketLimits;
  private ctx: Context | undefined = undefined;
  private acks: Acks | undefined = undefined;

  /** @internal */
  constructor(
    id: string,
    channel: Channel,
    handshake: SocketIoHandshake,
    all: Rooms,
    limits: SocketLimits,
    session: RecoverySession | undefined,
  ) {
    this.id = id;
    this.channel = channel;
    this.handshake = handshake;
    this.all = all;
    this.limits = limits;
    this.recovered = session?.isRecovered ?? false;
    this.data = session?.data ?? {};
  }

  /** Whether the client is in the namespace. */
  get connected(): boolean {
    return this.channel.isOpen;
  }

  /** The rooms that the client has joined. */
  get rooms(): readonly string[] {
    return this.all.roomsOf(this.channel);
  }

  /** All other clients of the namespace. */
  get broadcast(): SocketIoBroadcast<Out> {
    return new SocketIoBroadcast<Out>(this.all).except(this.id);
  }

  /** The other clients in these rooms. */
  to(...rooms: readonly string[]): SocketIoBroadcast<Out> {
    return this.broadcast.to(...rooms);
  }

  /** The client alone, which does not get an event that it cannot receive at once. */
  get volatile(): SocketIoBroadcast<Out> {
    return new SocketIoBroadcast<Out>(this.all).to(this.id).local.volatile;
  }

  /** Sends an event. */
  emit<Name extends EventName<Out>>(name: Name, ...args: EventArgs<Out, Name>): WriteFuture {
    return this.all.sendTo(this.id, this.channel, new SocketIoEvent(name, args));
  }

  /** Sends an event, and resolves with the first argument of the answer. See {@link ask} for its errors. */
  emitWithAck<Name extends EventName<Out>>(
    name: Name,
    ...args: SentArgs<Out, Name>
  ): Promise<AnswerOf<Out, Name>> {
    return this.ask(name, args);
  }

  /**
   * Does what {@link emitWithAck} does, with options.
   *
   * @throws TimedOutError `TIMEOUT_REQUEST` if the answer does not come in time
   * @throws ChannelError `REQUEST_LOST` if the client leaves first
   * @throws ChannelError `OPERATION_ABORTED` if the signal aborts first
   * @throws RejectedError `REJECTED_QUEUE` if too many answers are missing (`maxUnanswered`)
   */
  async ask<Name extends EventName<Out>>(
    name: Name,
    args: SentArgs<Out, Name>,
    options: AnswerOptions = {},
  ): Promise<AnswerOf<Out, Name>> {
    const { timeoutMs = this.limits.ackTimeoutMs, signal } = options;
    if (!this.channel.isOpen) throw requestLost(this.reasonOfEnd, false);
    this.acks ??= new Acks(this.ctx!, this.limits);
    const event = new SocketIoEvent(name, args as readonly unknown[]);
    const [answer] = await this.answerTo(event, timeoutMs, signal);
    return answer as AnswerOf<Out, Name>;
  }

  /** Adds the client to rooms. */
  join(...rooms: readonly string[]): void {
    for (const room of rooms) this.all.join(this.channel, room);
  }

  /** Removes the client from rooms. */
  leave(...rooms: readonly string[]): void {
    for (const room of rooms) this.all.leave(this.channel, room);
  }

  /** Ends the namespace for the client. @param close - whether the whole connection ends, too. @default false */
  disconnect(close: boolean = false): void {
    this.all.afterWrites(() => disconnect(this.channel, close));
  }

  /** Sends an event with an answer after the events that are on their way through a log. */
  private answerTo(
    event: SocketIoEvent,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly unknown[]> {
    const acks = this.acks!;
    return new Promise((resolve, reject) => {
      this.all.afterWrites(() => acks.send(event, timeoutMs, signal).then(resolve, reject));
    });
  }

  private get reasonOfEnd(): string {
    return `the client has left (${this.channel.closeInfo?.reason ?? 'local'})`;
  }

  // --- what the handlers call ---

  /** @internal Sets the place in the pipeline from which events with answers are written. */
  placedAt(ctx: Context): void {
    this.ctx = ctx;
  }

  /**
   * @internal Answers an event of the client.
   *
   * @param waits - called with 1 when the answer begins to wait for events before it, and with -1 when it waits no longer
   */
  answer(id: number, args: readonly unknown[], waits: (change: 1 | -1) => void): void {
    const write = (): void => void this.channel.writeAndFlush(new EventAnswer(id, args));
    if (!this.all.isWaiting) {
      write();
      return;
    }
    waits(1);
    this.all.afterWrites(() => {
      waits(-1);
      write();
    });
  }

  /** @internal */
  answered(id: number, args: readonly unknown[]): void {
    this.acks?.answered(id, args);
  }

  /** @internal */
  becameWritable(): void {
    this.acks?.sendOn();
  }

  /** @internal */
  ended(): void {
    this.acks?.end(this.reasonOfEnd, this.channel.closeInfo?.error);
  }
}

/** @internal */
export const SOCKET: AttributeKey<SocketIoSocket> = new AttributeKey<SocketIoSocket>(
  'socketIoSocket',
);
