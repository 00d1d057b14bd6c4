import { Buffer } from 'node:buffer';
import {
  type Channel,
  type CloseReason,
  type Context,
  DecodeError,
  DrainStartEvent,
  type Handler,
  openChannel,
  TimedOutError,
  type Timer,
} from '@headrace/core';
import { DrainGate, ReadGate, transportOf, warnFirst } from '@headrace/core/authoring';
import { ENGINE_END, EngineTransport, type HeartbeatListener } from '../engine/engine-transport.ts';
import { randomText } from '../engine/random-text.ts';
import type { DisconnectReason } from '../namespace/disconnect-reason.ts';
import type { SocketIoHandshake } from '../namespace/handshake.ts';
import {
  type NamespaceOwner,
  NamespaceTransport,
  writePacket,
} from '../namespace/namespace-transport.ts';
import type { Recovery } from '../namespace/recovery.ts';
import type { RecoverySession } from '../namespace/recovery-session.ts';
import { SocketIoEvent } from '../namespace/socket-io-event.ts';
import type {
  SocketIoAcceptance,
  SocketIoNamespace,
  SocketIoRefusal,
} from '../namespace/socket-io-namespace.ts';
import { SOCKET } from '../namespace/socket-io-socket.ts';
import { PacketReader } from '../packet/packet-reader.ts';
import {
  ACK,
  CONNECT,
  CONNECT_ERROR,
  DISCONNECT,
  encodePacket,
  invalidPacket,
  type SocketPacket,
} from '../packet/socket-packet.ts';
import { Decisions } from './decisions.ts';

/** Number of random bytes of a client's id in a namespace. Other clients can learn it. */
const ID_BYTES = 15;
/** Maximum number and count of events that wait for channels that do not read. Reads of the connection are then held. */
const MAX_KEPT = 64;
const MAX_KEPT_LENGTH = 64 * 1024;
/** Length of a name in a line of the log. */
const MAX_SHOWN = 100;

/** The server of a connection, and its limits. */
export interface ConnectionTerms {
  readonly connectTimeoutMs: number;
  readonly packetTimeoutMs: number;
  readonly maxNamespaces: number;
  readonly maxAttachments: number;
  readonly maxPacketBytes: number;
  /** Maximum time until the end of a dead connection is noticed, in milliseconds. */
  readonly aliveMs: number;
  /** Returns the namespace with this name, if there is one. */
  namespaceOf(name: string): AnyNamespace | undefined;
}

/** A namespace of the connection: a client in it, or a decision about it that is under way. */
interface Place {
  /** What the client's packet for it counts, whose content is kept as the handshake. */
  readonly size: number;
  transport: NamespaceTransport | undefined;
  channel: Channel | undefined;
}

type AnyNamespace = SocketIoNamespace<never, never>;

/** A client that wants to enter a namespace. */
interface Arrival {
  readonly handshake: SocketIoHandshake;
  /** What the client sent for the recovery: `pid` and `offset`. */
  readonly given: Readonly<Record<string, unknown>>;
}

/** The last handler of a connection of Socket.IO, which divides it into the channels of its namespaces. */
export class ConnectionHandler implements Handler, NamespaceOwner, HeartbeatListener {
  ctx!: Context;
  private readonly terms: ConnectionTerms;
  private readonly handshake: Omit<SocketIoHandshake, 'auth'>;
  private readonly reader: PacketReader;
  private readonly places = new Map<string, Place>();
  /** Names of namespaces that the client was in. Its late packets for them are dropped. */
  private former: Set<string> | undefined = undefined;
  private readonly gate = new ReadGate('socket.io');
  private readonly drains = new DrainGate('namespaces', () => this.places.size > 0);
  private connectTimer: Timer | undefined = undefined;
  private packetTimer: Timer | undefined = undefined;
  private keptEvents = 0;
  private keptLength = 0;
  /** What the handshakes of the namespaces count. */
  private handshakes = 0;
  private hasWarned = false;
  private readonly decisions = new Decisions(() => this.updateHold());
  /** Namespaces that have got an event in the present burst. */
  private readonly inBurst: NamespaceTransport[] = [];

  constructor(terms: ConnectionTerms, handshake: Omit<SocketIoHandshake, 'auth'>) {
    this.terms = terms;
    this.handshake = handshake;
    this.reader = new PacketReader(terms.maxAttachments, terms.maxPacketBytes);
  }

  get isFree(): boolean {
    const { channel } = this.ctx;
    const transport = transportOf(channel);
    return (
      channel.pendingOutboundBytes === 0 && transport instanceof EngineTransport && transport.isFree
    );
  }

  handlerAdded(ctx: Context): void {
    this.ctx = ctx;
    const transport = transportOf(ctx.channel);
    if (transport instanceof EngineTransport) transport.heartbeat = this;
  }

  channelActive(ctx: Context): void {
    const { connectTimeoutMs } = this.terms;
    const rule = { ms: connectTimeoutMs, whileHeld: 'runs' } as const;
    this.connectTimer = ctx.deadline(rule, () => {
      const text = `the client entered no namespace within ${connectTimeoutMs} ms`;
      this.fail(new TimedOutError('TIMEOUT_READ', text, { timeoutMs: connectTimeoutMs }));
    });
    ctx.fireChannelActive();
  }

  // --- input ---

  channelRead(ctx: Context, message: unknown): void {
    if (typeof message !== 'string' && !(message instanceof Uint8Array)) {
      ctx.fireChannelRead(message);
      return;
    }
    const packet = this.reader.read(typeof message === 'string' ? message : (message as Buffer));
    this.watchPacket();
    if (packet !== undefined) this.received(packet);
  }

  /** Limits the time in which the attachments of a packet must arrive. */
  private watchPacket(): void {
    if (!this.reader.isWithin) {
      this.packetTimer?.cancel();
      this.packetTimer = undefined;
      return;
    }
    const { packetTimeoutMs } = this.terms;
    const rule = { ms: packetTimeoutMs, whileHeld: 'pauses' } as const;
    this.packetTimer ??= this.ctx.deadline(rule, () => {
      const text = `the attachments of an event were not complete within ${packetTimeoutMs} ms`;
      this.fail(new TimedOutError('TIMEOUT_READ', text, { timeoutMs: packetTimeoutMs }));
    });
  }

  private fail(error: Error): void {
    this.ctx.fireExceptionCaught(error);
    this.ctx.channel.end({ reason: 'timeout' }).onSettled(() => {});
  }

  private received(packet: SocketPacket): void {
    const { type, namespace } = packet;
    const place = this.places.get(namespace);
    if (type === CONNECT) {
      if (place !== undefined) throw outOfPlace('a second connect', packet);
      this.connect(packet);
      return;
    }
    if (place === undefined) {
      // This end has left the namespace, and the client did not know it yet.
      if (this.former?.has(namespace) === true) return;
      throw outOfPlace('the client is not in the namespace', packet);
    }
    if (type === DISCONNECT) this.disconnected(namespace, place);
    else if (place.transport === undefined) {
      throw outOfPlace('the client is not in the namespace yet', packet);
    } else if (type === ACK) this.acknowledged(place, packet);
    else this.eventCame(place, place.transport, packet);
  }

  private eventCame(
    place: Place,
    transport: NamespaceTransport,
    { id, data, size }: SocketPacket,
  ): void {
    const [name, ...args] = data as unknown[];
    const acknowledge = id === undefined ? undefined : this.acknowledger(place, id);
    if (!this.inBurst.includes(transport)) this.inBurst.push(transport);
    transport.received(new SocketIoEvent(String(name), args, { acknowledge }), size);
  }

  /** Returns the function that answers an event. The channel opens later if the event came with the connect. */
  private acknowledger(place: Place, id: number): (...args: unknown[]) => void {
    let isAnswered = false;
    return (...args) => {
      const { channel } = place;
      if (isAnswered || channel?.isOpen !== true) return;
      isAnswered = true;
      channel.attributes.get(SOCKET)?.answer(id, args, (change) => this.kept(change, 0));
    };
  }

  private acknowledged({ channel }: Place, { id, data }: SocketPacket): void {
    if (id !== undefined) channel?.attributes.get(SOCKET)?.answered(id, data as unknown[]);
  }

  private disconnected(name: string, place: Place): void {
    if (place.transport !== undefined) place.transport.peerLeft();
    else this.forget(name);
  }

  channelReadComplete(ctx: Context): void {
    for (const transport of this.inBurst) transport.burstEnded();
    this.inBurst.length = 0;
    ctx.fireChannelReadComplete();
  }

  kept(count: number, length: number): void {
    this.keptEvents += count;
    this.keptLength += length;
    this.updateHold();
  }

  /**
   * Holds the reads of the connection while many events wait. Some may wait, so that the answers of a client arrive that a channel
   * waits for.
   */
  private updateHold(): void {
    const { channel } = this.ctx;
    const { keptEvents, keptLength, decisions } = this;
    const isFull = keptEvents >= MAX_KEPT || keptLength >= MAX_KEPT_LENGTH;
    // A client that leaves while it is decided about could begin decisions without end.
    const isBusy = decisions.pending > this.terms.maxNamespaces;
    // The client could cause output by its connects without end.
    if (isFull || isBusy || !channel.isWritable) this.gate.hold(channel);
    else this.gate.release();
  }

  // --- namespaces ---

  private connect({ namespace: name, data = {}, size }: SocketPacket): void {
    const namespace = this.terms.namespaceOf(name);
    const refusal = namespace === undefined ? 'Invalid namespace' : this.refusalOf(size);
    if (namespace === undefined || refusal !== undefined) {
      this.refuse(name, { message: refusal! });
      this.report(`is refused in ${JSON.stringify(name.slice(0, MAX_SHOWN))}: ${refusal}`);
      return;
    }
    const place: Place = { size, transport: undefined, channel: undefined };
    this.handshakes += size;
    // The text of the packet would be kept by a part of it.
    this.places.set(name === namespace.name ? namespace.name : name, place);
    this.drains.update();
    const arrival = this.arrivalOf(data as Record<string, unknown>, namespace);
    const { recovery, authorize } = namespace;
    const { pid } = arrival.given;
    const isKnown = recovery?.holderOf(pid) !== undefined || recovery?.isElsewhere(pid) === true;
    if (authorize !== undefined || isKnown) void this.decide(place, namespace, arrival);
    else this.enter(place, namespace, arrival, undefined);
  }

  /** Returns why the connection has no further namespace. */
  private refusalOf(size: number): string | undefined {
    const { maxNamespaces, maxPacketBytes } = this.terms;
    if (this.places.size >= maxNamespaces) {
      return `more than ${maxNamespaces} namespaces on one connection`;
    }
    if (this.handshakes + size <= maxPacketBytes) return undefined;
    return `what was sent for the namespaces counts more than ${maxPacketBytes} bytes`;
  }

  /** Divides what the client sent into that of its application and that of its library, for the recovery. */
  private arrivalOf(auth: Record<string, unknown>, { recovery }: AnyNamespace): Arrival {
    if (recovery === undefined) return { handshake: { ...this.handshake, auth }, given: auth };
    const { pid, offset, ...rest } = auth;
    return { handshake: { ...this.handshake, auth: rest }, given: { pid, offset } };
  }

  private async decide(place: Place, namespace: AnyNamespace, arrival: Arrival): Promise<void> {
    const { handshake, given } = arrival;
    const { name } = namespace;
    const isOpenToAll = namespace.authorize === undefined;
    const decision =
      isOpenToAll || (await this.decisions.decide(namespace, handshake, this.ctx.channel));
    const isIn = decision === true || typeof decision === 'function';
    const brought = isIn ? await this.bring(namespace.recovery, given) : undefined;
    if (this.places.get(name) !== place || !this.ctx.channel.isOpen) {
      if (brought !== undefined) namespace.recovery!.leave(brought);
      return;
    }
    if (decision === true) this.enter(place, namespace, arrival, undefined, brought);
    else if (typeof decision === 'function')
      this.enter(place, namespace, arrival, decision, brought);
    else {
      this.forget(name);
      this.refuse(name, decision === false ? { message: 'not authorized' } : decision);
    }
  }

  /** Brings the session of a client from the connection or the node that it had before. */
  private async bring(
    recovery: Recovery | undefined,
    given: Arrival['given'],
  ): Promise<RecoverySession | undefined> {
    if (recovery === undefined) return undefined;
    await this.takeOver(recovery.holderOf(given['pid']));
    return recovery.isElsewhere(given['pid']) ? await recovery.bring(given) : undefined;
  }

  /** Ends the connection that a client has lost before this end has noticed it. */
  private async takeOver(holder: Channel | undefined): Promise<void> {
    if (holder?.parent === undefined || holder.parent === this.ctx.channel) return;
    holder.parent.abort('replaced');
    await holder.closed;
  }

  private enter(
    place: Place,
    namespace: AnyNamespace,
    { handshake, given }: Arrival,
    accept: SocketIoAcceptance | undefined,
    brought?: RecoverySession | undefined,
  ): void {
    const { ctx } = this;
    const { name, recovery } = namespace;
    const session = recovery?.take(given, ctx.channel, this.terms.aliveMs, brought);
    const id = session?.id ?? randomText(ID_BYTES);
    this.connectTimer?.cancel();
    this.connectTimer = undefined;
    this.former?.delete(name);
    const transport = new NamespaceTransport(name, this);
    place.transport = transport;
    this.send({ type: CONNECT, namespace: name, data: { sid: id, pid: session?.key } });
    // Some clients take one message of a read after the other, and would miss an event that comes together with the first one.
    ctx.clock.nextTurn(() => {
      if (session?.isReplaced === true) ctx.channel.abort('replaced');
      if (!transport.isActive) {
        if (session !== undefined) recovery!.gone(session, ctx.channel.isOpen);
        return;
      }
      openChannel(transport, {
        ...namespace.channelOptions,
        parent: ctx.channel,
        initialize: (channel) => {
          place.channel = channel;
          return namespace.initialize(channel, id, handshake, accept, session);
        },
      });
    });
  }

  private refuse(name: string, { message, data }: SocketIoRefusal): void {
    const content = data === undefined ? { message } : { message, data };
    this.send({ type: CONNECT_ERROR, namespace: name, data: content });
    this.updateHold();
  }

  private report(text: string): void {
    warnFirst(this.ctx.channel, !this.hasWarned, text);
    this.hasWarned = true;
  }

  private send(parts: Parameters<typeof encodePacket>[0]): void {
    writePacket(this.ctx, encodePacket(parts)).onSettled(() => {});
    this.ctx.flush();
  }

  left({ name }: NamespaceTransport, comesAgain: CloseReason | undefined): void {
    this.forget(name);
    this.former ??= new Set();
    const { former } = this;
    former.add(name);
    if (former.size > this.terms.maxNamespaces) {
      const [oldest] = former;
      former.delete(oldest!);
    }
    if (comesAgain === 'slow-consumer') this.ctx.channel.close(comesAgain);
    else if (comesAgain !== undefined && this.places.size === 0) {
      this.ctx.channel.end({ reason: comesAgain }).onSettled(() => {});
    }
  }

  private forget(name: string): void {
    this.handshakes -= this.places.get(name)?.size ?? 0;
    this.places.delete(name);
    this.drains.update();
  }

  // --- the connection ---

  pinged(): void {
    for (const [name, { channel }] of this.places) {
      if (channel !== undefined) this.terms.namespaceOf(name)?.pinged(channel);
    }
  }

  ponged(): void {
    for (const [name, { channel }] of this.places) {
      if (channel !== undefined) this.terms.namespaceOf(name)?.ponged(channel);
    }
  }

  channelWritabilityChanged(ctx: Context): void {
    this.updateHold();
    ctx.fireChannelWritabilityChanged();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    const pipelines = [...this.places.values()].map(({ channel }) => channel?.pipeline);
    if (event instanceof DrainStartEvent) {
      for (const pipeline of pipelines)
        pipeline?.fireUserEventTriggered(new DrainStartEvent(event));
    } else if (this.drains.see(event)) {
      for (const pipeline of pipelines) pipeline?.fireUserEventTriggered(event.forChild());
    }
    ctx.fireUserEventTriggered(event);
  }

  exceptionCaught(ctx: Context, error: Error): void {
    ctx.fireExceptionCaught(error);
    // Nothing of the client's is read after a packet that is wrong.
    if (error instanceof DecodeError) ctx.channel.close('bad-input');
  }

  channelInactive(ctx: Context): void {
    const { closeInfo, attributes } = ctx.channel;
    const info = closeInfo!;
    if (info.reason === 'slow-consumer')
      this.report('is closed: the client does not read (slow-consumer)');
    const named = attributes.get(ENGINE_END);
    const byUs: DisconnectReason =
      info.reason === 'bad-input' ? 'parse error' : 'forced server close';
    const reason = named === undefined || named === 'forced close' ? byUs : named;
    for (const { transport } of [...this.places.values()]) transport?.connectionEnded(reason, info);
    this.places.clear();
    this.drains.update();
    ctx.fireChannelInactive();
  }

  handlerRemoved(): void {
    this.gate.release();
    this.connectTimer?.cancel();
    this.packetTimer?.cancel();
  }
}

function outOfPlace(why: string, { type, namespace }: SocketPacket): DecodeError {
  return invalidPacket(why, `${type}${namespace},`);
}
