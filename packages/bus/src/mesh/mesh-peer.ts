import type { Buffer } from 'node:buffer';
import { type Channel, type Context, DecodeError, type Handler, type Types } from '@headrace/core';
import { toError, WritableWaits } from '@headrace/core/authoring';
import { FRAME, numberFrame, readMessage, readSubjects } from './mesh-frame.ts';
import type { MeshIdentity } from './mesh-greeting.ts';
import { placeText } from './mesh-place.ts';

/** The owner of a {@link MeshPeer}. */
export interface PeerOwner {
  received(subject: string, bytes: Buffer): void;
  /** Called when the peer begins to listen to a subject, or ends it. */
  listens(peer: MeshPeer, subject: string, isNow: boolean): void;
  /** Called when messages begin to be lost because the peer does not read them. */
  full(peer: MeshPeer): void;
  /** Called as the last call. */
  gone(peer: MeshPeer): void;
}

/** The connection to one other node, after its handshake: what the node listens to, and what waits for it. */
export class MeshPeer implements Handler {
  declare readonly types: Types<{ reads: Buffer; writes: Buffer }>;
  readonly id: string;
  readonly name: string;
  readonly channel: Channel;
  readonly subjects = new Set<string>();
  private readonly owner: PeerOwner;
  private readonly maxBytes: number;
  private readonly pongs = new Map<number, () => void>();
  private pings = 0;
  private newestPing = 0;
  private readonly unanswered = new WritableWaits();
  private isFull = false;
  private lostCount = 0;

  /** @param maxBytes - the maximum size of the messages that wait */
  constructor(channel: Channel, { id, place }: MeshIdentity, owner: PeerOwner, maxBytes: number) {
    this.channel = channel;
    this.id = id;
    this.name = placeText(place);
    this.owner = owner;
    this.maxBytes = maxBytes;
  }

  /** The number of messages that were lost because the peer did not read them. */
  get dropped(): number {
    return this.lostCount;
  }

  /** Writes a message, without a flush. Returns false for a message that has no room. It is lost. */
  send(frame: Buffer): boolean {
    const { channel } = this;
    const waiting = channel.pendingOutboundBytes;
    if (waiting > 0 && waiting + frame.byteLength > this.maxBytes) {
      this.lostCount += 1;
      if (!this.isFull) this.owner.full(this);
      this.isFull = true;
      return false;
    }
    if (waiting < this.maxBytes / 2) this.isFull = false;
    channel.write(frame);
    return true;
  }

  /**
   * Writes a frame that is never lost, without a flush. The connection ends if the peer reads nothing, and such frames, which can be
   * answers to it, take as much memory as the messages may.
   */
  tell(frame: Buffer): void {
    const { channel, maxBytes } = this;
    if (channel.pendingOutboundBytes > 2 * maxBytes) channel.close('slow-consumer');
    else channel.write(frame);
  }

  /** Calls back when the peer has taken everything that was written so far, or the connection has ended. */
  ping(answered: () => void): void {
    const { channel, pongs } = this;
    if (!channel.isActive) {
      answered();
      return;
    }
    this.pings = (this.pings + 1) >>> 0;
    pongs.set(this.pings, answered);
    channel.writeAndFlush(numberFrame(FRAME.ping, this.pings));
  }

  channelRead(ctx: Context, frame: Buffer): void {
    try {
      this.take(ctx, frame);
    } catch (thrown) {
      throw new DecodeError('MESSAGE_INVALID', 'unexpected mesh frame', {}, toError(thrown));
    }
  }

  channelInactive(ctx: Context): void {
    this.owner.gone(this);
    for (const answered of this.pongs.values()) answered();
    this.pongs.clear();
    ctx.fireChannelInactive();
  }

  private take(ctx: Context, frame: Buffer): void {
    const { owner } = this;
    switch (frame[0]) {
      case FRAME.message: {
        const { subject, bytes } = readMessage(frame);
        owner.received(subject, bytes);
        break;
      }
      case FRAME.subscribe:
        readSubjects(frame, (subject) => {
          if (this.subjects.has(subject)) return;
          this.subjects.add(subject);
          owner.listens(this, subject, true);
        });
        break;
      case FRAME.unsubscribe:
        readSubjects(frame, (subject) => {
          if (this.subjects.delete(subject)) owner.listens(this, subject, false);
        });
        break;
      case FRAME.ping:
        this.pinged(ctx, frame.readUInt32BE(1));
        break;
      case FRAME.pong:
        this.ponged(frame.readUInt32BE(1));
        break;
      default:
        throw new RangeError(`a frame of kind ${frame[0]}`);
    }
  }

  /** Answers a ping. While the peer takes no output, only the newest ping waits for its answer, which answers the earlier ones too. */
  private pinged(ctx: Context, number: number): void {
    this.newestPing = number;
    this.unanswered.once(ctx.channel, () => {
      if (ctx.channel.isActive) ctx.writeAndFlush(numberFrame(FRAME.pong, this.newestPing));
    });
  }

  /** Takes the answer to a ping and to all earlier ones: the peer takes frames in their order. */
  private ponged(number: number): void {
    if (!this.pongs.has(number)) return;
    for (const [ping, answered] of this.pongs) {
      this.pongs.delete(ping);
      answered();
      if (ping === number) return;
    }
  }
}
