import {
  type Address,
  type Channel,
  ChannelError,
  type Clock,
  type CloseInfo,
  clientAddress,
  type OutboundBytes,
  type Timer,
  type Transport,
  type TransportSink,
  type WriteFuture,
} from '@headrace/core';
import {
  Fifo,
  MESSAGES_PER_LOOK,
  type MessageBatch,
  sizeOfBytes,
  unacknowledgedBytesOf,
} from '@headrace/core/authoring';
import { LASTING_ERRORS } from '../lasting-errors.ts';
import { ACK_MS } from '../protocol/incoming-messages.ts';
import { ACKNOWLEDGED, type ResumeAction, type ResumeMachine } from '../protocol/resume-machine.ts';
import { LinkLostEvent, LinkMoveEvent, LinkResumedEvent } from './resume-event.ts';

/** A link as the transport needs it: the place of the last handler in its pipeline. */
export interface ResumeLink {
  readonly channel: Channel;
  write(frame: Buffer): WriteFuture;
  /** Left out, or `undefined`: each frame has to be written. */
  writeBatch?(batch: MessageBatch): WriteFuture | undefined;
  flush(): void;
}

/** Who made a {@link ResumeTransport}: a table on a server, a bootstrap on a client. */
export interface ResumeOwner {
  /** The channel has opened its transport: a client looks for a link now. */
  begin(): void;
  /** The channel goes on over another link. */
  attached(): void;
  /** The link is gone, and the channel waits for another. */
  detached(): void;
  /** A message was added while there is no link. */
  grew(): void;
  /** The peer says that the channel cannot go on, or cannot begin. */
  gone(gone: Extract<ResumeAction, { readonly do: 'gone' }>): void;
  /** The server wishes that the client moves. */
  moved(move: Extract<ResumeAction, { readonly do: 'move' }>): void;
  /**
   * The channel has closed and what it sent may not have arrived yet: true to wait for another link,
   * as far as there is none.
   */
  readonly outlivesChannel: boolean;
  /** It is over; comes once. */
  finished(info: CloseInfo | undefined): void;
}

/** Options of a {@link ResumeTransport}. */
export interface ResumeTransportOptions {
  readonly machine: ResumeMachine;
  readonly clock: Clock;
  readonly owner: ResumeOwner;
}

/** When a link went, and its addresses: before that, asking for them would cost the system a call. */
interface LostLink {
  readonly at: number;
  readonly local: Address | undefined;
  readonly remote: Address | undefined;
}

interface Waiter {
  readonly target: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const MESSAGES_MASK = MESSAGES_PER_LOOK - 1;
// Giving the link what it takes.
const IDLE = 0;
const PUMPING = 1;
/** Meanwhile something has changed. */
const PUMP_AGAIN = 2;
/** How long a closed channel waits for the acknowledgement of what it sent, while it has a link. */
const LINGER_MS = 10_000;
const ignore = (): void => {};

/**
 * The transport of a lasting channel: messages in and out over a succession of links. What is written is kept until
 * the peer has it; what comes in counts as received when the pipeline has taken it. It always takes what a link has
 * read, so heartbeats pass; how much that may be is bounded by the credit.
 */
export class ResumeTransport implements Transport {
  readonly machine: ResumeMachine;
  readonly clock: Clock;
  private readonly owner: ResumeOwner;
  /** The channel over it, in whose pipeline events are fired. */
  channel: Channel | undefined = undefined;
  private sink: TransportSink | undefined = undefined;
  private link: ResumeLink | undefined = undefined;
  /** The last link that is gone. */
  private lost: LostLink | undefined = undefined;
  // --- input
  private mayRead = false;
  private isInBurst = false;
  private isDrainDue = false;
  /** What has come and was not taken; most channels never have any. */
  private queue: Fifo<Buffer> | undefined = undefined;
  private isEndDue = false;
  private hasPeerEnded = false;
  private ackTimer: Timer | undefined = undefined;
  // --- output
  private waiting: OutboundBytes[] | undefined = undefined;
  private pumping: typeof IDLE | typeof PUMPING | typeof PUMP_AGAIN = IDLE;
  private looks = 0;
  private waiters: Waiter[] | undefined = undefined;
  // --- the end
  private isConnected = false;
  private isOver = false;
  private hasLeft = false;
  private isFinished = false;
  private endError: Error | undefined = undefined;
  private lingerTimer: Timer | undefined = undefined;

  constructor({ machine, clock, owner }: ResumeTransportOptions) {
    this.machine = machine;
    this.clock = clock;
    this.owner = owner;
    this.isConnected = machine.isOpened;
  }

  // --- state ---

  get isActive(): boolean {
    return this.isConnected && !this.isOver;
  }

  get localAddress(): Address | undefined {
    return this.link === undefined ? this.lost?.local : this.link.channel.localAddress;
  }

  get remoteAddress(): Address | undefined {
    return this.link === undefined ? this.lost?.remote : clientAddress(this.link.channel);
  }

  get accepts(): string {
    const most = Math.max(0, this.machine.outgoing.maxPayloadBytes);
    return `Buffers of at most ${most} bytes, which is what the peer's credit allows`;
  }

  get unsentBytes(): number {
    // That nothing is taken while there is no link is not the peer's fault: it counts as progress.
    if (this.link === undefined) this.looks += 1;
    return -(this.machine.outgoing.acknowledged + this.looks);
  }

  /** Of the link: one long message comes in pieces, and is acknowledged as a whole. */
  get unacknowledgedBytes(): number | undefined {
    return unacknowledgedBytesOf(this.link?.channel);
  }

  /** Messages pass now. */
  get isLinked(): boolean {
    return this.link !== undefined && this.machine.isLinked;
  }

  /** What is kept for the peer, in bytes. */
  get keptBytes(): number {
    return this.machine.outgoing.bytes;
  }

  open(sink: TransportSink): void {
    const isFirst = this.sink === undefined;
    this.sink = sink;
    if (isFirst) this.owner.begin();
  }

  /** The channel in whose pipeline the events of links are fired. */
  fireIn(channel: Channel): void {
    this.channel = channel;
  }

  private fire(event: unknown): void {
    if (this.isActive) this.channel?.pipeline.fireUserEventTriggered(event);
  }

  // --- links ---

  /** A link is there; the machine has been told. One that is still open is replaced. */
  beginLink(link: ResumeLink): void {
    const old = this.link;
    this.queue?.clear();
    this.isEndDue = false;
    this.link = link;
    if (this.isOver) this.linger();
    if (old === undefined) return;
    this.lost = lostLink(old.channel, this.clock.now());
    old.channel.close('replaced');
    this.fire(new LinkLostEvent(old.channel.closeInfo));
  }

  /** The machine has resumed over the present link. */
  resumed(resent: number): void {
    this.owner.attached();
    this.fire(new LinkResumedEvent(this.clock.now() - (this.lost?.at ?? 0), resent));
    this.fill();
  }

  /** A link is gone. */
  loseLink(link: ResumeLink): void {
    if (this.link !== link) return;
    const wasLinked = this.machine.isLinked;
    this.unlink();
    this.ackTimer?.cancel();
    this.lingerTimer?.cancel();
    this.ackTimer = this.lingerTimer = undefined;
    this.machine.loseLink();
    if (!this.isFinished && this.isOver && !this.owner.outlivesChannel) this.finish(undefined);
    // A link that was lost before the answer to RESUME changes nothing: there was none, and there is none.
    if (this.isFinished || !wasLinked) return;
    this.owner.detached();
    this.fire(new LinkLostEvent(link.channel.closeInfo));
  }

  // --- input ---

  /** A frame came over a link. Returns the error if it breaks the protocol. */
  frame(link: ResumeLink, frame: Buffer): Error | undefined {
    if (this.link !== link || this.isFinished) return undefined;
    const action = this.machine.received(frame);
    // Cheaper than to ask whether it is a Buffer.
    if ((action as Partial<ResumeAction>).do === undefined) this.deliver(action as Buffer);
    else if (action === ACKNOWLEDGED) this.fill();
    else return this.carryOut(action as ResumeAction);
    return undefined;
  }

  /** What came together over a link is over. */
  frameComplete(link: ResumeLink): void {
    if (this.link !== link) return;
    this.endBurst();
    this.pump();
    this.finishIfDone();
  }

  /** The link takes more. */
  linkWritable(link: ResumeLink): void {
    if (this.link === link) this.pump();
  }

  private unlink(): void {
    const { link } = this;
    if (link === undefined) return;
    // One that was not resumed changes nothing: the loss is that of the link before.
    const isLoss = this.lost === undefined || this.machine.isLinked;
    this.lost = lostLink(link.channel, isLoss ? this.clock.now() : this.lost!.at);
    this.link = undefined;
  }

  private carryOut(action: ResumeAction): Error | undefined {
    switch (action.do) {
      case 'opened':
        this.isConnected = true;
        this.sink?.connected();
        break;
      case 'resumed':
        this.resumed(action.resent);
        break;
      case 'end':
        this.isEndDue = true;
        this.hasPeerEnded = true;
        break;
      case 'reset':
        this.passQueue();
        this.fail(resetError());
        break;
      case 'gone':
        // A peer that has ended its half and closes forgets the rest, as TCP answers what comes late by a reset.
        if (this.hasPeerEnded) this.fail(resetError());
        else this.owner.gone(action);
        break;
      case 'move':
        this.fire(new LinkMoveEvent(action.spreadMs, action.places));
        this.owner.moved(action);
        break;
      case 'fail':
        // Its handler ends the link, with the reason.
        this.unlink();
        this.fail(action.error);
        return action.error;
    }
    return undefined;
  }

  private deliver(payload: Buffer): void {
    if (this.isOver) this.refuse();
    else if (this.mayRead && (this.queue === undefined || this.queue.isEmpty)) this.pass(payload);
    else {
      this.queue ??= new Fifo();
      this.queue.push(payload);
    }
  }

  private pass(payload: Buffer): void {
    this.isInBurst = true;
    const { length } = payload;
    this.sink!.received(payload);
    this.machine.taken(length);
    if (this.isFinished) return;
    if (this.ackTimer === undefined) this.startAckTimer();
  }

  private startAckTimer(): void {
    this.ackTimer = this.clock.schedule(() => this.acknowledgeLate(), ACK_MS);
  }

  private acknowledgeLate(): void {
    this.ackTimer = undefined;
    this.machine.hurry();
    this.pump();
  }

  requestRead(): void {
    this.mayRead = true;
    const hasMore = this.isEndDue || (this.queue !== undefined && !this.queue.isEmpty);
    if (!hasMore || this.isInBurst || this.isDrainDue) return;
    this.isDrainDue = true;
    this.clock.execute(() => this.drain());
  }

  pauseReading(): void {
    this.mayRead = false;
  }

  /** Passes on what was kept while nothing was asked for. */
  private drain(): void {
    this.isDrainDue = false;
    const { queue } = this;
    if (queue !== undefined) {
      for (let count = 1; this.mayRead && !this.isOver && !queue.isEmpty; count++) {
        this.pass(queue.shift()!);
        // What comes over a link is measured there.
        if ((count & MESSAGES_MASK) === 0) this.sink!.checkTurn();
      }
    }
    this.endBurst();
    this.pump();
    this.finishIfDone();
  }

  private endBurst(): void {
    if (this.isInBurst) {
      this.isInBurst = false;
      this.mayRead = false;
      this.sink!.readComplete();
    }
    if (!this.isEndDue || !this.mayRead || this.isOver) return;
    if (this.queue !== undefined && !this.queue.isEmpty) return;
    this.isEndDue = false;
    this.sink!.inputEnded();
  }

  /** What was read comes before the error that followed it, though reads are held. */
  private passQueue(): void {
    const { queue } = this;
    if (queue === undefined) return;
    while (!this.isOver && !queue.isEmpty) this.pass(queue.shift()!);
  }

  // --- output ---

  sizeOf(message: unknown): number {
    const size = sizeOfBytes(message);
    return size > this.machine.outgoing.maxPayloadBytes ? -1 : size;
  }

  write(messages: readonly unknown[], bytes: number): boolean {
    const added = this.machine.addAll(messages as readonly OutboundBytes[], bytes);
    if (added < messages.length) this.waiting = messages.slice(added) as OutboundBytes[];
    if (this.link === undefined) this.owner.grew();
    else this.pump();
    return this.waiting === undefined;
  }

  /** The peer has acknowledged: what waited for its credit is kept now. */
  private fill(): void {
    this.settleWaiters();
    const { waiting } = this;
    if (waiting === undefined) return;
    const added = this.machine.addAll(waiting);
    if (added < waiting.length) {
      waiting.splice(0, added);
      return;
    }
    this.waiting = undefined;
    if (!this.isOver) this.sink!.written();
  }

  /** Gives the link as much as it takes; the rest waits here, so that heartbeats need not wait there. */
  pump(): void {
    if (this.pumping !== IDLE) {
      this.pumping = PUMP_AGAIN;
      return;
    }
    try {
      do {
        this.pumping = PUMPING;
        this.pumpOnce();
      } while (this.isPumpDue);
    } finally {
      this.pumping = IDLE;
    }
  }

  private get isPumpDue(): boolean {
    return this.pumping === PUMP_AGAIN;
  }

  private pumpOnce(): void {
    const { link, machine } = this;
    if (link === undefined) return;
    const { channel } = link;
    let last: WriteFuture | undefined;
    let takesBatches = link.writeBatch !== undefined;
    while (channel.isWritable) {
      let future: WriteFuture | undefined;
      const batch = takesBatches ? machine.nextBatch(channel.bytesBeforeUnwritable) : undefined;
      if (batch !== undefined) {
        future = link.writeBatch!(batch);
        if (future === undefined) takesBatches = false;
        else machine.batchSent(batch);
      }
      if (future === undefined) {
        const frame = machine.nextFrame();
        if (frame === undefined) break;
        future = link.write(frame);
      }
      if (future === last) continue;
      last = future;
      // What a link did not take goes out over the next one.
      future.onSettled(ignore);
    }
    if (last === undefined) return;
    link.flush();
    if (last.isSuccess) machine.outgoing.writesEnded();
  }

  /** Resolves when the peer has all that has been taken so far. */
  acknowledged(): Promise<void> {
    const target = this.machine.outgoing.last + (this.waiting?.length ?? 0);
    return new Promise((resolve, reject) => {
      if (target <= this.machine.outgoing.acknowledged) resolve();
      else if (this.isFinished) reject(this.lostError());
      else {
        this.waiters ??= [];
        this.waiters.push({ target, resolve, reject });
      }
    });
  }

  /** The messages that were taken and that the peer has not acknowledged, oldest first. */
  unacknowledged(): Buffer[] {
    return this.machine.outgoing.payloads();
  }

  private settleWaiters(): void {
    const { waiters } = this;
    if (waiters === undefined) return;
    const { acknowledged } = this.machine.outgoing;
    let done = 0;
    while (done < waiters.length && waiters[done]!.target <= acknowledged) {
      waiters[done]!.resolve();
      done += 1;
    }
    waiters.splice(0, done);
    if (waiters.length === 0) this.waiters = undefined;
  }

  private lostError(): Error {
    const { length } = this.unacknowledged();
    const text = `the lasting channel has ended, and ${length} messages were not acknowledged`;
    return (
      this.endError ??
      new ChannelError(LASTING_ERRORS.RESUME_GONE, text, { unacknowledged: length })
    );
  }

  // --- the end ---

  shutdownOutput({ reason }: CloseInfo): void {
    this.machine.end(reason);
    this.pump();
    this.clock.execute(() => {
      if (!this.isOver) this.sink!.outputEnded();
      this.finishIfDone();
    });
  }

  close(info: CloseInfo): void {
    if (this.isOver) {
      this.leave();
      return;
    }
    this.isOver = true;
    this.leave();
    const hadUnread = this.queue !== undefined && !this.queue.isEmpty;
    this.queue?.clear();
    // A slow consumer would not take what is kept for it.
    const isLost = this.link === undefined && !this.owner.outlivesChannel;
    if (!this.machine.isOpened || isLost || info.reason === 'slow-consumer') this.drop(info);
    else if (hadUnread) this.drop(info);
    else {
      this.machine.end(info.reason);
      this.machine.hurry();
      this.pump();
      this.finishIfDone();
      if (!this.isFinished && this.link !== undefined) this.linger();
    }
  }

  /** A link on which nothing is acknowledged is not waited for. */
  private linger(): void {
    this.lingerTimer?.cancel();
    this.lingerTimer = this.clock.schedule(() => this.finish(undefined), LINGER_MS);
  }

  abort(info: CloseInfo): void {
    this.isOver = true;
    this.queue?.clear();
    this.leave();
    this.drop(info);
  }

  /** A message came for a channel that has closed. */
  private refuse(): void {
    this.drop(undefined);
  }

  /** Tells the peer, if it is there, and waits for nothing. */
  private drop(info: CloseInfo | undefined): void {
    this.machine.reset();
    this.pump();
    this.finish(info);
  }

  /** An error that ends the channel. */
  fail(error: Error): void {
    this.endError ??= error;
    if (!this.isOver) {
      this.isOver = true;
      this.sink?.failed(error);
      this.leave();
    }
    this.finish(undefined);
  }

  /** It ends without an error of its own, as when the peer did not come back in time. */
  expire(info: CloseInfo): void {
    this.endError ??= info.error;
    if (!this.isOver) {
      this.isOver = true;
      this.hasLeft = true;
      this.sink?.disconnected(info);
    }
    this.finish(info);
  }

  /** Reports the end, once. */
  private leave(): void {
    if (this.hasLeft) return;
    this.hasLeft = true;
    this.clock.execute(() => this.sink?.disconnected());
  }

  private finishIfDone(): void {
    if (this.isOver && !this.isFinished && this.machine.isDone) this.finish(undefined);
  }

  private finish(info: CloseInfo | undefined): void {
    if (this.isFinished) return;
    this.isFinished = true;
    this.lingerTimer?.cancel();
    this.ackTimer?.cancel();
    this.queue = undefined;
    const { link, waiters } = this;
    this.unlink();
    this.waiters = undefined;
    if (link?.channel.isOpen) link.channel.end();
    this.owner.finished(info);
    if (waiters !== undefined) for (const { reject } of waiters) reject(this.lostError());
  }
}

function lostLink(channel: Channel, at: number): LostLink {
  return { at, local: channel.localAddress, remote: clientAddress(channel) };
}

/** As the system would report it, so that the channel's reason is `reset`. */
function resetError(): Error {
  const text = 'the peer dropped the lasting channel';
  return Object.assign(new Error(text), { code: 'ECONNRESET' });
}
