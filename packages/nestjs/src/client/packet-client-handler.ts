import {
  type Channel,
  ChannelError,
  type Context,
  DecodeError,
  type Handler,
  type Types,
} from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import {
  type Call,
  CallLine,
  CallOutput,
  type CallTable,
  requestLost,
} from '@headrace/handlers/call';
import type { WritePacket } from '@nestjs/microservices';
import { controlOf } from '../wire/control-message.ts';
import { InOrder } from '../wire/in-order.ts';
import { signInRefused } from './packet-error.ts';

/** The part of the client that a connection uses. */
export interface ConnectionOwner {
  readonly table: CallTable;
  /** Maximum number of requests of one connection that wait for their last answer. */
  readonly maxInFlight: number;
  deserialize(message: unknown): unknown;
  /** Called when the server has refused the credentials. The end of the connection follows. */
  refused(error: Error): void;
  /** Called when the server takes no more requests. The connection ends after the pending requests. */
  leaving(channel: Channel): void;
  lost(error: Error): void;
}

/** A packet from a server, after the deserializer. */
interface Answer extends WritePacket {
  readonly id?: unknown;
}

/**
 * Writes the requests and events of one connection of a client, and passes each answer to its request.
 *
 * - **Place** Last.
 * - **In** Values of the codec.
 * - **Out** Nothing; it writes packets.
 * - **Events** Forwards all.
 * - **Errors** `MESSAGE_INVALID` for an answer that the deserializer refuses; the channel then ends as `bad-input`. An answer
 *   to a request that is no longer pending is dropped.
 * - **State** One channel: the pending requests.
 */
export class PacketClientHandler implements Handler {
  declare readonly types: Types<{ reads: unknown; passesOn: never; writes: unknown }>;
  private readonly owner: ConnectionOwner;
  private readonly hasControl: boolean;
  /** The call line of the channel, which exists after `handlerAdded`. */
  private channelLine: CallLine | undefined = undefined;
  private output!: CallOutput;
  private readonly order = new InOrder();
  private signingIn: { resolve(): void; reject(error: Error): void } | undefined = undefined;

  constructor(owner: ConnectionOwner, hasControl: boolean) {
    this.owner = owner;
    this.hasControl = hasControl;
  }

  /** The pending packets. */
  get line(): CallLine {
    return this.channelLine!;
  }

  /** Sends the credentials to the server. Rejects with `REJECTED_AUTH` if the server refuses them. */
  signIn(credentials: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.output.isOpen) {
        reject(requestLost('the connection has closed', false));
        return;
      }
      this.signingIn = { resolve, reject };
      this.output
        .write({ headrace: 'credentials', data: credentials })
        .onSettled((error) => error !== undefined && reject(error));
    });
  }

  // --- life ---

  handlerAdded(ctx: Context): void {
    const { table, maxInFlight } = this.owner;
    this.output = new CallOutput(ctx);
    const wire = {
      messageOf: ({ body }: Call) => body,
      cancelOf: ({ id }: Call) => (this.hasControl ? { headrace: 'cancel', id } : undefined),
    };
    const changed = (): void => this.leaveIfDone();
    this.channelLine = new CallLine(table, this.output, { wire, maxInFlight, changed });
  }

  channelWritabilityChanged(ctx: Context): void {
    this.owner.table.sendQueued();
    ctx.fireChannelWritabilityChanged();
  }

  channelInactive(ctx: Context): void {
    const { closeInfo } = ctx.channel;
    const error =
      closeInfo?.error ??
      new ChannelError('CHANNEL_CLOSED', `the connection closed (${closeInfo?.reason})`);
    this.signingIn?.reject(error);
    this.line.lose('the connection was lost', error);
    this.owner.lost(error);
    ctx.fireChannelInactive();
  }

  // --- input ---

  channelRead(ctx: Context, message: unknown): void {
    this.output.beginRead();
    const control = this.hasControl ? controlOf(message) : undefined;
    if (control === undefined) this.take(ctx, message);
    else if (control.headrace === 'welcome') this.signingIn?.resolve();
    else if (control.headrace === 'refused') this.signInFailed();
    else if (control.headrace === 'leaving') {
      this.line.isPaused = true;
      this.leaveIfDone();
      this.owner.leaving(this.output.ctx.channel);
    }
  }

  channelReadComplete(ctx: Context): void {
    this.output.endRead();
    ctx.fireChannelReadComplete();
  }

  private signInFailed(): void {
    if (this.signingIn === undefined) return;
    const error = signInRefused();
    this.signingIn.reject(error);
    this.owner.refused(error);
  }

  private take(ctx: Context, message: unknown): void {
    const failed = (thrown: unknown): void => this.refuse(ctx, thrown);
    try {
      const answer = this.owner.deserialize(message);
      if (this.order.mustWait(answer)) this.order.later(answer, (made) => this.route(made), failed);
      else this.route(answer);
    } catch (thrown) {
      failed(thrown);
    }
  }

  private route(value: unknown): void {
    const { id, err, response, isDisposed } = (value ?? {}) as Answer;
    const isLast = isDisposed === true || isError(err);
    const call = this.line.answered(id, isLast);
    if (call === undefined) return;
    if (isLast) this.owner.table.completed(call, { err, response, isDisposed: true });
    else this.owner.table.answered(call, { err, response });
  }

  private refuse(ctx: Context, thrown: unknown): void {
    if (!this.output.isOpen) return;
    const cause = toError(thrown);
    ctx.fireExceptionCaught(
      new DecodeError(
        'MESSAGE_INVALID',
        `an answer could not be read: ${cause.message}`,
        {},
        cause,
      ),
    );
    ctx.channel.end({ reason: 'bad-input' });
  }

  /**
   * Leaves a server that drains, when no request is pending. If one is, the client opens another connection meanwhile.
   */
  private leaveIfDone(): void {
    if (!this.line.isPaused || this.line.isBusy) return;
    const { channel } = this.output.ctx;
    if (channel.isOpen) channel.end({ reason: 'moved' });
  }
}

/** Returns true for every truthy value, as Nest does. */
function isError(err: unknown): boolean {
  return Boolean(err);
}
