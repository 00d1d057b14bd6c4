import type { Buffer } from 'node:buffer';
import {
  type Address,
  ChannelError,
  type Clock,
  type CloseInfo,
  DecodeError,
} from '@headrace/core';
import { Fifo, onceAfterEvent } from '@headrace/core/authoring';
import { FrameReader, type FrameReceiver } from './frame-reader.ts';
import { Substream, type SubstreamOwner } from './substream.ts';
import {
  ACK,
  DATA,
  FIN,
  frameOf,
  GO_AWAY,
  INITIAL_WINDOW,
  MAX_UINT32,
  NORMAL,
  PING,
  PROTOCOL_ERROR,
  RST,
  SYN,
  WINDOW_UPDATE,
} from './yamux-frame.ts';

/** The connection that carries the substreams. */
export interface SessionLink {
  readonly clock: Clock;
  readonly isWritable: boolean;
  readonly localAddress: Address | undefined;
  readonly remoteAddress: Address | undefined;
  write(frame: Buffer): void;
  flush(): void;
  /** Called when the peer opens a substream. */
  accepted(substream: Substream): void;
  /** Called when the peer takes no more substreams. */
  wentAway(code: number): void;
  /** Called when the peer broke the rules. No further input is read. */
  violated(error: Error): void;
  /** Called when a substream has ended and its channel has closed. */
  released(): void;
}

export interface SessionLimits {
  readonly isClient: boolean;
  readonly windowBytes: number;
  readonly maxSubstreams: number;
}

interface PendingPing {
  readonly value: number;
  sentAt: number;
  readonly promise: Promise<number>;
  readonly resolve: (roundTripMs: number) => void;
  readonly reject: (error: Error) => void;
}

/** The substreams of one connection, by the rules of yamux. A session uses neither channels nor pipelines. */
export class YamuxSession implements SubstreamOwner, FrameReceiver {
  private isOver = false;
  private readonly limits: SessionLimits;
  private readonly link: SessionLink;
  private readonly reader = new FrameReader(this);
  /** Substreams that can still send or receive frames, by id. */
  private readonly live = new Map<number, Substream>();
  /** Substreams that wait for the connection. */
  private readonly waiting = new Set<Substream>();
  /** Substreams that are live, or whose channels are open. */
  private readonly all = new Set<Substream>();
  /** Number of substreams in {@link all} that the peer opened. */
  private peersCount = 0;
  /** Substreams with output, in the order of their turns. */
  private readonly turns = new Fifo<Substream>();
  private readonly afterEvent = onceAfterEvent<SessionLink>(() => this.sendOn());
  private isUp = false;
  /** Frames that wait for the connection: at most a ping and a go away. */
  private readonly early: Buffer[] = [];
  private isFinished = false;
  /** Called when no substream has output. */
  private whenSent: (() => void) | undefined = undefined;
  private nextId: number;
  private highestPeerId = 0;
  private hasSentGoAway = false;
  private hasPeerGoneAway = false;
  /** Number of bytes that can still arrive for ended substreams: the unused parts of their windows. */
  private lateBytes = 0;
  private lastLateId = 0;
  private ping: PendingPing | undefined = undefined;
  private nextPing = 0;
  /** Substream of the frame whose body is arriving. */
  private current: Substream | undefined = undefined;
  private endsInput = false;

  constructor(limits: SessionLimits, link: SessionLink) {
    this.limits = limits;
    this.link = link;
    this.nextId = limits.isClient ? 1 : 2;
  }

  get size(): number {
    return this.all.size;
  }

  get windowBytes(): number {
    return this.limits.windowBytes;
  }

  get localAddress(): Address | undefined {
    return this.link.localAddress;
  }

  get remoteAddress(): Address | undefined {
    return this.link.remoteAddress;
  }

  // --- life ---

  up(): void {
    this.isUp = true;
    for (const frame of this.early.splice(0)) this.send(frame);
    if (this.ping !== undefined) this.ping.sentAt = this.link.clock.now();
    for (const substream of this.waiting) {
      const error = this.dial(substream);
      if (error !== undefined) substream.fail(error);
      else substream.user?.wake();
    }
    this.waiting.clear();
  }

  /** Ends all substreams, because the connection has ended. */
  end(info: CloseInfo): void {
    if (this.isOver) return;
    this.isOver = true;
    const text = `the connection of the substreams is closed (${info.reason})`;
    const error = new ChannelError('CHANNEL_CLOSED', text, { reason: info.reason }, info.error);
    this.ping?.reject(error);
    this.ping = undefined;
    this.turns.clear();
    const substreams = [...this.all];
    this.live.clear();
    this.waiting.clear();
    // A substream that the peer has not ended may lack bytes. A clean end would make them look complete.
    const cut: CloseInfo = info.reason === 'peer' ? { ...info, reason: 'reset' } : info;
    for (const substream of substreams) {
      substream.fail(error, substream.hasInputEnded ? info : cut);
      this.release(substream);
    }
    this.whenSent?.();
  }

  /** Announces that the peer may open no more substreams. Open substreams continue. */
  goAway(code: number = NORMAL): void {
    if (this.hasSentGoAway || this.isOver) return;
    this.hasSentGoAway = true;
    this.send(frameOf(GO_AWAY, 0, 0, code));
  }

  /** Ends the output of the connection, after all output of the substreams has left. */
  finish(done: () => void): void {
    this.goAway();
    this.whenSent = () => {
      this.whenSent = undefined;
      this.isFinished = true;
      this.link.flush();
      done();
    };
    if (this.isOver) this.whenSent();
    else this.sendOn();
  }

  // --- what substreams do ---

  /** Opens a substream of this end. Returns an error if that is impossible. */
  dial(substream: Substream): Error | undefined {
    const refusal = this.refusalOfDial();
    if (refusal !== undefined) {
      this.all.delete(substream);
      return new ChannelError('CHANNEL_REFUSED', refusal);
    }
    this.all.add(substream);
    if (!this.isUp) {
      this.waiting.add(substream);
      return undefined;
    }
    substream.id = this.nextId;
    this.nextId += 2;
    this.announce(substream, SYN);
    return undefined;
  }

  private refusalOfDial(): string | undefined {
    if (this.isOver || this.isFinished) return 'the connection of the substreams has ended';
    if (this.hasPeerGoneAway) return 'the peer takes no more substreams on this connection';
    if (this.nextId > MAX_UINT32)
      return 'this connection has used all numbers of substreams: connect again';
    return undefined;
  }

  private announce(substream: Substream, flag: number): void {
    substream.isOpen = true;
    this.live.set(substream.id, substream);
    const more = this.limits.windowBytes - INITIAL_WINDOW;
    this.send(frameOf(WINDOW_UPDATE, flag, substream.id, more));
  }

  send(frame: Buffer): void {
    if (this.isOver || this.isFinished) return;
    if (!this.isUp) {
      this.early.push(frame);
      return;
    }
    this.link.write(frame);
    this.afterEvent(this.link);
  }

  ready(substream: Substream): void {
    if (substream.isReady || !substream.hasOutput) return;
    substream.isReady = true;
    this.turns.push(substream);
    this.afterEvent(this.link);
  }

  forget(substream: Substream): void {
    this.waiting.delete(substream);
    if (this.live.get(substream.id) === substream) {
      this.live.delete(substream.id);
      if (!substream.hasInputEnded) this.lateBytes += substream.receiving.room;
    }
    this.release(substream);
  }

  channelClosed(substream: Substream): void {
    substream.hasChannel = false;
    this.release(substream);
  }

  private release(substream: Substream): void {
    const isLive = this.live.get(substream.id) === substream || this.waiting.has(substream);
    if (isLive || substream.hasChannel || !this.all.delete(substream)) return;
    if (!substream.isOurs) this.peersCount -= 1;
    this.link.released();
  }

  /** Called when the connection is writable again. */
  writable(): void {
    if (this.turns.size > 0) this.afterEvent(this.link);
  }

  /** Writes one frame of each substream with output, in turns. */
  private sendOn(): void {
    const { turns, link } = this;
    if (this.isOver || this.isFinished) return;
    while (turns.size > 0 && link.isWritable) {
      const substream = turns.shift()!;
      substream.isReady = false;
      if (!substream.hasOutput) continue;
      link.write(substream.nextFrame());
      this.ready(substream);
    }
    if (turns.size === 0 && this.whenSent !== undefined) this.whenSent();
    else link.flush();
  }

  /** Sends a ping. Resolves with the time until the peer's answer, in milliseconds. */
  pingPeer(): Promise<number> {
    if (this.isOver || this.isFinished) {
      const text = 'the connection of the substreams has ended';
      return Promise.reject(new ChannelError('CHANNEL_CLOSED', text));
    }
    if (this.ping !== undefined) return this.ping.promise;
    const value = this.nextPing;
    this.nextPing = (value + 1) >>> 0;
    const { promise, resolve, reject } = deferred();
    this.ping = { value, sentAt: this.link.clock.now(), promise, resolve, reject };
    this.send(frameOf(PING, SYN, 0, value));
    return promise;
  }

  // --- what the peer sends ---

  read(bytes: Uint8Array): void {
    this.reader.read(bytes);
  }

  frameCame(version: number, type: number, flags: number, id: number, length: number): void {
    this.current = undefined;
    this.endsInput = false;
    if (this.isOver) return;
    if (version !== 0) this.violate(`a frame of version ${version}`);
    else if (type === PING) this.pingCame(flags, length);
    else if (type === GO_AWAY) this.receiveGoAway(length);
    else if (type !== DATA && type !== WINDOW_UPDATE) this.violate(`a frame of type ${type}`);
    else if (id === 0) this.violate('a frame of a substream with the number 0');
    else this.ofSubstream(type, flags, id, length);
  }

  private ofSubstream(type: number, flags: number, id: number, length: number): void {
    const substream = (flags & SYN) !== 0 ? this.peerOpens(id) : this.live.get(id);
    if (this.isOver) return;
    if ((flags & RST) !== 0) substream?.peerReset();
    if (substream === undefined || (flags & RST) !== 0) {
      // The reference implementation drops frames of substreams that it does not know, so peers may send them.
      if (type === DATA && length > 0 && this.wasOpened(id)) this.lateCame(flags, id, length);
      return;
    }
    if ((flags & ACK) !== 0) substream.isAcknowledged = true;
    if (type === WINDOW_UPDATE && !substream.credited(length)) {
      this.violate(`a window of more than ${MAX_UINT32} bytes for substream ${id}`);
    } else if (type === DATA && !substream.expects(length)) {
      this.violate(`${length} bytes of substream ${id}, more than its window, or after its end`);
    }
    this.current = substream;
    this.endsInput = (flags & FIN) !== 0;
  }

  bodyCame(part: Uint8Array): void {
    this.current?.arrived(part);
  }

  frameEnded(): void {
    if (this.endsInput) this.current?.peerFinished();
  }

  private isOurs(id: number): boolean {
    return (id % 2 === 1) === this.limits.isClient;
  }

  private wasOpened(id: number): boolean {
    return this.isOurs(id) ? id < this.nextId : id <= this.highestPeerId;
  }

  /** Opens a substream of the peer. Ids can arrive out of order, for example from Go's yamux, which uses two goroutines. */
  private peerOpens(id: number): Substream | undefined {
    if (this.isOurs(id)) {
      this.violate(`substream ${id}, with a number of this end: are both ends ${this.role}s?`);
      return undefined;
    }
    if (this.live.has(id)) {
      this.violate(`substream ${id} is opened again`);
      return undefined;
    }
    this.highestPeerId = Math.max(this.highestPeerId, id);
    if (this.hasSentGoAway || this.peersCount >= this.limits.maxSubstreams) {
      this.lateBytes += INITIAL_WINDOW;
      this.lastLateId = id;
      this.send(frameOf(WINDOW_UPDATE, RST, id, 0));
      return undefined;
    }
    return this.accept(id);
  }

  private accept(id: number): Substream {
    const substream = new Substream(this, false);
    substream.id = id;
    this.peersCount += 1;
    this.all.add(substream);
    this.announce(substream, ACK);
    this.link.accepted(substream);
    return substream;
  }

  private get role(): string {
    return this.limits.isClient ? 'client' : 'server';
  }

  /** Counts bytes of a substream that has ended here, because the peer does not know about the end yet. */
  private lateCame(flags: number, id: number, length: number): void {
    this.lateBytes -= length;
    if (this.lateBytes < 0) {
      this.violate(
        `${length} bytes of substream ${id}, more than the windows of those that closed`,
      );
    } else if ((flags & RST) === 0 && this.lastLateId !== id) {
      this.lastLateId = id;
      this.send(frameOf(WINDOW_UPDATE, RST, id, 0));
    }
  }

  private pingCame(flags: number, value: number): void {
    if ((flags & SYN) !== 0) this.send(frameOf(PING, ACK, 0, value));
    else if (this.ping?.value === value) {
      const { resolve, sentAt } = this.ping;
      this.ping = undefined;
      resolve(this.link.clock.now() - sentAt);
    }
  }

  private receiveGoAway(code: number): void {
    this.hasPeerGoneAway = true;
    this.link.wentAway(code);
  }

  private violate(what: string): void {
    const error = new DecodeError('MESSAGE_INVALID', `yamux: the peer sent ${what}`);
    if (this.isOver) return;
    this.hasSentGoAway = false;
    this.goAway(PROTOCOL_ERROR);
    this.link.flush();
    this.end({ reason: 'bad-input', by: 'peer', error });
    this.link.violated(error);
  }
}

function deferred() {
  let resolve!: (value: number) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<number>((res, rej) => {
    resolve = res;
    reject = rej;
  });
  return { promise, resolve, reject };
}
