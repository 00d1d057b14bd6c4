import type { Buffer } from 'node:buffer';
import {
  type Address,
  type Clock,
  type CloseInfo,
  type ConnectionlessRules,
  type DatagramPlace,
  type DatagramSocket,
  type DatagramSocketUser,
  type HeadraceError,
  type ListenerSink,
  type Logger,
  type TransportChoice,
} from '@headrace/core';
import { StrangersFirst } from '@headrace/core/authoring';
import { addressKey } from '@headrace/handlers';
import { DatagramCounters } from '../transport/datagram-counters.ts';
import { bindError, datagramError } from '../transport/datagram-failure.ts';
import type { IntakeLimits } from '../transport/datagram-intake.ts';
import { NextTurn } from '../transport/next-turn.ts';
import { SendOutcomes } from '../transport/send-outcomes.ts';
import type { PeerListener } from './peer-listener.ts';
import type { PeerOwner } from './peer-owner.ts';
import { PeerTransport } from './peer-transport.ts';
import { StrangerLog } from './stranger-log.ts';

/** The limits and rules for peers. */
export interface PeerRules {
  readonly idleMs: number;
  readonly maxPeers: number;
  readonly maxStrangersPerAddress: number;
  readonly amplification: number;
  readonly signInProves: boolean;
}

const EVICTED: CloseInfo = { reason: 'limit', by: 'local', error: undefined };

/** A datagram socket as a listener, in which each sender is a connection. `perPeer` creates it. */
export class SocketPeerListener
  implements PeerListener, ConnectionlessRules, DatagramSocketUser, PeerOwner
{
  readonly way: TransportChoice = { kind: 'other', why: 'a peer of a socket for datagrams' };
  readonly counters = new DatagramCounters();
  readonly socket: DatagramSocket;
  readonly turn: NextTurn;
  readonly outcomes = new SendOutcomes();
  readonly log: StrangerLog;
  readonly limits: IntakeLimits;
  readonly idleMs: number;
  readonly amplification: number;
  readonly signInProves: boolean;
  isActive = false;
  refused = 0;
  evicted = 0;
  lastFailure: HeadraceError | undefined = undefined;
  private readonly place: DatagramPlace;
  private readonly rules: PeerRules;
  /** Log of the listening channel, which treats every accepted peer as a stranger. */
  private readonly ownLog: StrangerLog;
  private readonly peers = new Map<string, PeerTransport>();
  private readonly places = new StrangersFirst<PeerTransport>();
  private sink!: ListenerSink;
  private mayAccept = false;
  private isClosed = false;

  constructor(
    socket: DatagramSocket,
    place: DatagramPlace,
    limits: IntakeLimits,
    rules: PeerRules,
    clock: Clock,
  ) {
    this.socket = socket;
    this.place = place;
    this.limits = limits;
    this.rules = rules;
    this.idleMs = rules.idleMs;
    this.amplification = rules.amplification;
    this.signInProves = rules.signInProves;
    this.turn = new NextTurn(clock);
    this.log = new StrangerLog(clock);
    this.ownLog = new StrangerLog(clock);
  }

  get size(): number {
    return this.peers.size;
  }

  get connectionless(): ConnectionlessRules {
    return this;
  }

  get placesForStrangers(): number {
    return this.rules.maxPeers;
  }

  get lowered(): number {
    return this.log.lowered + this.ownLog.lowered;
  }

  loggerOf(logger: Logger): Logger {
    return this.ownLog.over(logger);
  }

  get localAddress(): Address | undefined {
    return this.socket.localAddress;
  }

  open(sink: ListenerSink): void {
    this.sink = sink;
    this.socket.open(this);
  }

  requestAccept(): void {
    this.mayAccept = true;
  }

  pauseAccepting(): void {
    this.mayAccept = false;
  }

  /** Stops accepting peers. The socket stays open for existing peers. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.isActive = false;
    if (this.peers.size === 0) this.socket.close();
  }

  // --- what the socket reports ---

  bound(): void {
    if (this.isClosed) return;
    this.isActive = true;
    this.sink.listening();
  }

  arrived(bytes: Buffer, host: string, port: number, family: 'IPv4' | 'IPv6'): void {
    this.counters.received += 1;
    const id = `${host}|${port}`;
    const peer = this.peers.get(id) ?? this.newPeer(id, { host, port, family });
    if (peer !== undefined) peer.arrived(bytes);
    else {
      this.counters.dropped += 1;
      this.refused += 1;
    }
  }

  /**
   * Counts the system's report on an earlier datagram, which does not name the recipient. The listener continues to serve new
   * peers.
   */
  caught(error: Error): void {
    this.counters.failed += 1;
    this.lastFailure = datagramError(error);
  }

  failed(error: Error): void {
    this.sink.failed(bindError(error, this.place.host, this.place.port));
  }

  closed(): void {
    this.isActive = false;
    this.log.close();
    this.ownLog.close();
    this.sink.closed();
  }

  // --- peers ---

  private newPeer(
    id: string,
    address: { readonly host: string; readonly port: number; readonly family: 'IPv4' | 'IPv6' },
  ): PeerTransport | undefined {
    const network = addressKey(address);
    if (!this.takesPeers || !this.makeRoom(network)) return undefined;
    const peer = new PeerTransport(id, address, this);
    this.peers.set(id, peer);
    this.places.add(peer, network);
    peer.watchSilence();
    this.mayAccept = false;
    this.sink.accepted(peer);
    return peer;
  }

  private get takesPeers(): boolean {
    return this.mayAccept && !this.isClosed;
  }

  /**
   * Makes room for a new peer. Returns false if known peers use every place. Also returns false if the handlers of a stranger
   * that was closed have closed or paused the listener.
   */
  private makeRoom(network: string | undefined): boolean {
    const { maxPeers, maxStrangersPerAddress } = this.rules;
    if (this.peers.size >= maxPeers) {
      const stranger = this.places.firstStranger;
      if (stranger === undefined) return false;
      this.evict(stranger);
    }
    this.evict(this.places.excessOf(network, maxStrangersPerAddress - 1));
    return this.takesPeers;
  }

  private evict(peer: PeerTransport | undefined): void {
    if (peer === undefined) return;
    this.evicted += 1;
    peer.end(EVICTED);
  }

  forget(id: string): void {
    const peer = this.peers.get(id)!;
    this.peers.delete(id);
    this.places.remove(peer);
    this.turn.clock.deadlines.remove(peer);
    if (this.isClosed && this.peers.size === 0) this.socket.close();
  }
}
