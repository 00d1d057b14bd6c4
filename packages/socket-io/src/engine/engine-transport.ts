import { Buffer } from 'node:buffer';
import {
  type Address,
  AttributeKey,
  type DrainEvent,
  DrainStartEvent,
  type MessageLimits,
  type Transport,
  type TransportSink,
} from '@headrace/core';
import { channelOf, MessageInput } from '@headrace/core/authoring';
import { type EnginePacket, EngineText } from './engine-packet.ts';
import type { EngineEnd, EngineSession, SessionEnd, SessionUser } from './engine-session.ts';

/** Bytes that a session keeps for the next poll before its channel waits, like a kernel's buffer. */
const OUTPUT_BYTES = 64 * 1024;

/** Attribute of the channel of a session: why it ended, in the words of Socket.IO. Set before the channel closes. */
export const ENGINE_END: AttributeKey<EngineEnd> = new AttributeKey<EngineEnd>('engineEnd');

/** Hears of the heartbeat of a session. */
export type HeartbeatListener = Pick<SessionUser, 'pinged' | 'ponged'>;

/** A session as the transport of a channel, whose messages are texts and bytes. */
export class EngineTransport implements Transport, SessionUser {
  heartbeat: HeartbeatListener | undefined = undefined;
  readonly accepts = 'strings and bytes';
  readonly localAddress: Address | undefined;
  readonly remoteAddress: Address | undefined;
  readonly messageLimits: MessageLimits;
  private readonly session: EngineSession;
  private readonly input: MessageInput<string | Buffer>;
  private isWriting = false;
  private drain: DrainEvent | undefined = undefined;

  constructor(session: EngineSession, local: Address | undefined, remote: Address | undefined) {
    this.session = session;
    this.localAddress = local;
    this.remoteAddress = remote;
    this.messageLimits = { inbound: session.settings.maxPayloadBytes };
    this.input = new MessageInput(session.clock, () => {
      if (!this.input.hasKept) session.release();
    });
    session.user = this;
  }

  get isActive(): boolean {
    return this.session.isOpen;
  }

  get unsentBytes(): number {
    return this.session.unsentBytes;
  }

  get unacknowledgedBytes(): number | undefined {
    return this.session.unacknowledgedBytes;
  }

  /** Whether a message that is written now leaves at once. */
  get isFree(): boolean {
    return this.session.isFree;
  }

  open(sink: TransportSink): void {
    this.input.sink = sink;
  }

  // --- input ---

  requestRead(): void {
    this.input.requestRead();
  }

  pauseReading(): void {
    this.input.pauseReading();
  }

  received(message: string | Buffer): void {
    this.input.arrived(message);
    if (this.input.hasKept) this.session.hold();
  }

  burstEnded(): void {
    this.input.endBurst();
  }

  pinged(): void {
    this.heartbeat?.pinged();
  }

  ponged(): void {
    this.heartbeat?.ponged();
  }

  violated(error: Error, name: EngineEnd): void {
    const { input } = this;
    input.endBurst();
    if (input.isOver || input.sink === undefined) return;
    // The channel closes within this call.
    channelOf(input.sink)?.channel.attributes.set(ENGINE_END, name);
    input.sink.caught(error);
  }

  // --- output ---

  sizeOf(message: unknown): number {
    if (typeof message === 'string') return Buffer.byteLength(message) + 1;
    if (message instanceof EngineText) return message.byteLength;
    return message instanceof Uint8Array ? message.length : -1;
  }

  write(messages: readonly unknown[]): boolean {
    const { session } = this;
    this.isWriting = true;
    session.send(messages.map(packetOf));
    this.isWriting = !this.hasRoom;
    return !this.isWriting;
  }

  private get hasRoom(): boolean {
    const { session } = this;
    return session.isDrained || (session.keepsOutput && session.waitingBytes <= OUTPUT_BYTES);
  }

  sent(): void {
    if (!this.isWriting || !this.hasRoom) return;
    this.isWriting = false;
    if (!this.input.isOver) this.input.sink?.written();
  }

  // --- the end ---

  shutdownOutput(): void {
    this.session.close();
    this.session.clock.execute(() => this.input.sink?.outputEnded());
  }

  close(): void {
    this.input.stop();
    // Output that the channel reports as failed must not arrive.
    if (this.isWriting) this.session.abort();
    else this.session.close();
    this.session.release();
  }

  abort(): void {
    this.input.stop();
    this.session.abort();
  }

  drained(event: DrainEvent | DrainStartEvent): void {
    const { sink } = this.input;
    const channel = sink && channelOf(sink)?.channel;
    if (channel?.isOpen !== true) return;
    if (event instanceof DrainStartEvent) {
      if (DrainStartEvent.seenBy(channel) !== undefined) return;
      channel.pipeline.fireUserEventTriggered(new DrainStartEvent(event));
      return;
    }
    // A client that polls has several connections.
    if (this.drain?.isGivenUp === false) return;
    this.drain = event;
    const hold = event.hold('session');
    channel.onClosed(() => hold.release());
    const own = event.forChild();
    // Ends the session before its last poll is cut.
    if (this.session.keepsOutput && own.endsChannel) own.lastWord(() => {});
    channel.pipeline.fireUserEventTriggered(own);
  }

  ended({ name, info }: SessionEnd): void {
    const { input } = this;
    // A transport reports nothing within a call. What the client sent before the end is passed on first.
    this.session.clock.execute(() => {
      const { sink } = input;
      const channel = sink && channelOf(sink)?.channel;
      if (channel?.isOpen === true) channel.attributes.set(ENGINE_END, name);
      input.finish(() => {
        input.stop();
        sink?.disconnected(info);
      });
    });
  }
}

function packetOf(message: unknown): EnginePacket {
  if (typeof message === 'string') return `4${message}`;
  return message instanceof EngineText ? message.packet : (message as Uint8Array);
}
