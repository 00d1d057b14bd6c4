import type { Buffer } from 'node:buffer';
import type { Context, Server, Timer } from '@headrace/core';
import { addressText, toBuffer } from '@headrace/core/authoring';
import type { BusHost } from '../bus/bus.ts';
import type { BusLink, BusLinkSink } from '../bus/bus-engine.ts';
import { MAX_NODES, MeshConnections } from './mesh-connections.ts';
import { MeshDialer } from './mesh-dialer.ts';
import { MAX_MESSAGE_BYTES, messageFrame } from './mesh-frame.ts';
import { type MeshGreeting, type MeshIdentity, MeshKeys } from './mesh-greeting.ts';
import type { HandshakeOwner, Verdict } from './mesh-handshake.ts';
import { MeshPeer, type PeerOwner } from './mesh-peer.ts';
import { MeshPeers } from './mesh-peers.ts';
import { type MeshPlace, placeText } from './mesh-place.ts';
import {
  listedPlaces,
  type PlaceSource,
  type PlacesOwner,
  RegisteredPlaces,
} from './mesh-places.ts';
import type { MeshPlan } from './mesh-plan.ts';
import { MeshRefusals } from './mesh-refusals.ts';

/** Interval at which the addresses without a connection are tried again. */
const POLL_INTERVAL_MS = 1000;
/** Maximum time for the first attempts to connect, before the node counts as up. */
const FIRST_ATTEMPTS_MS = 1000;

/** The connections of one node: to all other nodes, and to itself. */
export class MeshLink implements BusLink, PeerOwner, PlacesOwner {
  readonly maxBytes: number = MAX_MESSAGE_BYTES;
  readonly clock: BusHost['clock'];
  readonly logger: BusHost['logger'];
  readonly connectTimeoutMs: number;
  readonly keys: MeshKeys;
  readonly connections: MeshConnections;
  identity: MeshIdentity;
  private readonly plan: MeshPlan;
  private readonly host: BusHost;
  private readonly sink: BusLinkSink;
  private readonly peers: MeshPeers;
  private readonly dialers = new Map<string, MeshDialer>();
  private sources: readonly PlaceSource[] = [];
  private server: Server | undefined = undefined;
  /** The dialed end of the connection of this node to itself. */
  private self: MeshPeer | undefined = undefined;
  private lookTimer: Timer | undefined = undefined;
  private firstTimer: Timer | undefined = undefined;
  private readonly waiting: (() => void)[] = [];
  private hasTriedAll = false;
  private readonly refusals: MeshRefusals;
  private isOver = false;

  constructor(plan: MeshPlan, sink: BusLinkSink, host: BusHost) {
    const { clock, logger, random } = host;
    this.plan = plan;
    this.sink = sink;
    this.host = host;
    this.clock = clock;
    this.logger = logger;
    this.connectTimeoutMs = plan.bus.connectTimeoutMs;
    this.keys = new MeshKeys(plan.way.keys);
    this.connections = new MeshConnections(plan.way, { clock, logger, random, ...plan.bus });
    this.peers = new MeshPeers(clock);
    this.refusals = new MeshRefusals(clock, logger);
    const { host: listensAt, port } = plan.way;
    this.identity = {
      id: idFrom(random),
      kind: 'node',
      place: plan.advertise ?? { host: listensAt, port },
    };
  }

  /** Listens, connects to itself, and begins to connect to the other nodes. */
  async open(signal: AbortSignal): Promise<void> {
    try {
      this.server = await this.connections.listen(() => new Acceptor(this), signal);
      const { port } = this.server;
      let { place } = this.identity;
      if (this.plan.advertise === undefined) place = { ...place, port };
      this.identity = { ...this.identity, place };
      const channel = await this.connections.connect(place, new SelfDialer(this), signal);
      const lost = () => {
        const text = `the connection to ${placeText(place)}, the own address, has ended`;
        this.lose(new Error(`${text} (${channel.closeInfo?.reason ?? 'shutdown'})`));
      };
      channel.onClosed(lost);
      this.server.channel.onClosed(lost);
    } catch (thrown) {
      void this.close(false);
      throw thrown;
    }
    if (!this.isOver) this.beginToDial();
  }

  publish(subject: string, bytes: Uint8Array): void {
    if (this.isOver) return;
    if (subject === this.host.probe) {
      // Comes back over the network, like a message of another node.
      this.self?.tell(messageFrame(subject, bytes));
      if (this.self !== undefined) this.peers.flushSoon(this.self);
      return;
    }
    this.peers.publish(subject, bytes);
    if (!this.peers.own.has(subject)) return;
    const own = toBuffer(bytes);
    // Later, like a message of another node, so that `publish` does not run the listeners.
    this.clock.execute(() => this.received(subject, own));
  }

  subscribe(subject: string): void {
    // The connection of this node to itself needs no subscription.
    if (subject !== this.host.probe) this.peers.subscribe(subject);
  }

  unsubscribe(subject: string): void {
    this.peers.unsubscribe(subject);
  }

  /** Resolves when each connected node knows the subscriptions, and the first attempts to connect are over. */
  async settled(): Promise<void> {
    if (!this.hasTriedAll) await new Promise<void>((resolve) => this.waiting.push(resolve));
    await this.roundTrip(this.peers.all());
  }

  async receivers(subject: string): Promise<number> {
    await this.roundTrip(this.peers.listeners(subject));
    return this.peers.listeners(subject).size + (this.peers.own.has(subject) ? 1 : 0);
  }

  async close(flush: boolean): Promise<void> {
    if (this.isOver) return;
    this.isOver = true;
    this.refusals.close();
    this.lookTimer?.cancel();
    this.firstTimer?.cancel();
    for (const source of this.sources) source.close();
    this.peers.flush();
    const channels = [...this.peers.all()].map(({ channel }) => channel);
    if (!flush) for (const channel of channels) channel.close();
    for (const dialer of this.dialers.values()) dialer.close();
    for (const channel of channels) channel.end();
    await Promise.all(channels.map((channel) => channel.closed));
    this.self?.channel.close();
    await this.server?.close();
  }

  // --- for the connections ---

  isConnected(id: string): boolean {
    return this.peers.has(id);
  }

  /** Called when a handshake ends with `join`, at either end. */
  joined(ctx: Context, other: MeshGreeting): void {
    const { channel } = ctx;
    const peer = new MeshPeer(channel, other, this, this.plan.maxPeerBytes);
    this.connections.begin(ctx, peer);
    this.peers.add(peer);
    this.tried();
  }

  /** Called at both ends of the connection of this node to itself. */
  joinedSelf(ctx: Context, isDialer: boolean): void {
    const owner: PeerOwner = {
      received: (subject, bytes) => this.received(subject, bytes),
      listens: () => {},
      full: () => {},
      gone: () => {},
    };
    const peer = new MeshPeer(ctx.channel, this.identity, owner, Number.POSITIVE_INFINITY);
    this.connections.begin(ctx, peer);
    if (isDialer) this.self = peer;
  }

  /** Called when a node with a larger id has introduced itself. */
  introduced({ place }: MeshGreeting): void {
    const name = placeText(place);
    let dialer = this.dialers.get(name);
    if (dialer === undefined) {
      // Without keys, any program of this machine can introduce addresses.
      if (this.dialers.size >= MAX_NODES) return;
      dialer = new MeshDialer(place, this, false);
      this.dialers.set(name, dialer);
    }
    dialer.dial();
  }

  /** Logs that a connection was refused. @param isStranger - whether the other end has made it */
  refused(who: string, why: string, isStranger = false): void {
    this.refusals.log(`the node ${who} is not connected: ${why}`, isStranger);
  }

  /** Called when an attempt to connect is over. */
  tried(): void {
    if (this.hasTriedAll || this.firstTimer === undefined) return;
    const isKnown = this.sources.every(({ places }) => places !== undefined);
    if (isKnown && [...this.dialers.values()].every(({ isSettled }) => isSettled)) this.triedAll();
  }

  // --- of the peers ---

  received(subject: string, bytes: Buffer): void {
    if (!this.isOver) this.sink.received(subject, bytes);
  }

  listens(peer: MeshPeer, subject: string, isNow: boolean): void {
    this.peers.listens(peer, subject, isNow);
  }

  full(peer: MeshPeer): void {
    const { maxPeerBytes } = this.plan;
    this.logger.log(
      'warn',
      `the node ${peer.name} reads too slowly: ${maxPeerBytes} bytes wait for it, and further messages to it are lost`,
    );
  }

  gone(peer: MeshPeer): void {
    this.peers.remove(peer);
  }

  // --- of the sources ---

  /** Dials the addresses that are new, and forgets those that are not listed any more. */
  placesChanged(): void {
    if (this.isOver) return;
    const listed = new Map<string, MeshPlace>();
    for (const { places = [] } of this.sources) {
      for (const place of places) listed.set(placeText(place), place);
    }
    listed.delete(placeText(this.identity.place));
    for (const [name, dialer] of this.dialers) dialer.isListed = listed.has(name);
    for (const [name, place] of listed) {
      if (!this.dialers.has(name)) this.dialers.set(name, new MeshDialer(place, this, true));
    }
    this.dialAll();
    this.tried();
  }

  private beginToDial(): void {
    const { peers, register } = this.plan;
    this.firstTimer = this.clock.schedule(() => this.triedAll(), FIRST_ATTEMPTS_MS);
    this.sources = [
      listedPlaces(peers, this),
      ...register.map((place) => new RegisteredPlaces(place, this, this.connections, this)),
    ];
    this.placesChanged();
    this.lookLater();
  }

  private lookLater(): void {
    this.lookTimer = this.clock.schedule(() => {
      this.dialAll();
      this.lookLater();
    }, POLL_INTERVAL_MS);
  }

  private dialAll(): void {
    for (const [name, dialer] of this.dialers) {
      if (dialer.isUseless) this.dialers.delete(name);
      else dialer.dial();
    }
  }

  private triedAll(): void {
    this.hasTriedAll = true;
    this.firstTimer?.cancel();
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  /** Resolves when these peers, and this node itself, have taken everything that was written so far. */
  private async roundTrip(peers: Iterable<MeshPeer>): Promise<void> {
    this.peers.flush();
    const pinged = [...peers];
    if (this.self !== undefined) pinged.push(this.self);
    await Promise.all(pinged.map((peer) => new Promise<void>((resolve) => peer.ping(resolve))));
  }

  private lose(cause: Error): void {
    if (this.isOver) return;
    void this.close(false);
    this.sink.lost(cause);
  }
}

/** The handshakes of connections that other nodes make. */
class Acceptor implements HandshakeOwner {
  readonly node: MeshLink;

  constructor(link: MeshLink) {
    this.node = link;
  }

  decide(): Verdict {
    return 'leave';
  }

  done(ctx: Context, other: MeshGreeting, verdict: Verdict): void {
    const { node: link } = this;
    const { id } = link.identity;
    if (verdict === 'introduce' && id < other.id) link.introduced(other);
    else if (verdict !== 'join') return;
    else if (other.id === id) link.joinedSelf(ctx, false);
    else if (other.id < id) link.joined(ctx, other);
    else ctx.close();
  }

  refused({ channel }: Context, why: string): void {
    const address = channel.remoteAddress;
    const who = address === undefined ? 'that has connected' : addressText(address);
    this.node.refused(who, why, true);
  }
}

/** The handshake of the connection of a node to itself. */
class SelfDialer implements HandshakeOwner {
  readonly node: MeshLink;

  constructor(link: MeshLink) {
    this.node = link;
  }

  decide({ id }: MeshGreeting): Verdict {
    return id === this.node.identity.id ? 'join' : 'leave';
  }

  done(ctx: Context, other: MeshGreeting, verdict: Verdict): void {
    if (verdict === 'join') this.node.joinedSelf(ctx, true);
    else this.node.refused(placeText(other.place), 'the own address leads to another node');
  }

  refused(_ctx: Context, why: string): void {
    this.node.refused(placeText(this.node.identity.place), why);
  }
}

function idFrom(random: () => number): string {
  const part = () =>
    Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return part() + part();
}
