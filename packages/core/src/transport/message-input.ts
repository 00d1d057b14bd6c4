import type { Clock } from '../contract/clock.ts';
import { Fifo } from '../queue/fifo.ts';
import { isTurnCheckDue } from '../time/turn-check.ts';
import type { TransportSink } from './transport.ts';

/** The input of a transport of messages: the permission to read, and bursts. */
export class MessageBursts<M> {
  sink: TransportSink | undefined = undefined;
  /** Whether the channel has closed. Later messages are dropped. */
  isOver = false;
  /** Whether a message has been passed on since the last burst ended. */
  isInBurst = false;
  /** Whether the channel has asked for a read. */
  protected mayRead = false;
  /** Number of messages since the start. */
  private passed = 0;

  /** False while the channel does not read. Messages then wait. */
  get isTaking(): boolean {
    return this.mayRead && !this.isOver;
  }

  /** Permits messages to pass, see `Transport.requestRead`. */
  requestRead(): void {
    this.mayRead = true;
  }

  /** Withdraws the permission, see `Transport.pauseReading`. */
  pauseReading(): void {
    this.mayRead = false;
  }

  /** Passes a message on. Returns true if the channel has used its time in this turn of the event loop. */
  protected pass(message: M): boolean {
    const sink = this.sink!;
    this.isInBurst = true;
    sink.received(message);
    // The check can hold reads, which withdraws the permission to read. The rest of the burst then waits.
    if (!isTurnCheckDue(++this.passed)) return false;
    sink.checkTurn();
    return sink.isReadHeld;
  }

  /** Ends a burst: the messages since the last call arrived together. */
  endBurst(): void {
    if (!this.isInBurst) return;
    this.isInBurst = this.mayRead = false;
    if (!this.isOver) this.sink?.readComplete();
  }

  /** Drops later messages. */
  stop(): void {
    this.isOver = true;
  }
}

/**
 * The input of a transport that cannot stop its source, or that limits it by credit. Messages that arrive while the channel does not
 * read are kept, and are passed on in a later turn of the event loop. The end of the peer follows the last message.
 */
export class MessageInput<M> extends MessageBursts<M> {
  private readonly clock: Clock;
  /** Most inputs never keep a message. */
  protected kept: Fifo<M> | undefined = undefined;
  private isAwake = false;
  private isEndDue = false;
  private readonly taken: ((message: M) => void) | undefined;

  /** @param taken - called after a message was passed on */
  constructor(clock: Clock, taken?: (message: M) => void) {
    super();
    this.clock = clock;
    this.taken = taken;
  }

  get hasKept(): boolean {
    return this.kept?.isEmpty === false;
  }

  /** Permits messages to pass. What was kept passes in a later turn. */
  override requestRead(): void {
    super.requestRead();
    if (this.isAwake || !this.isTaking || !(this.hasKept || this.isEndDue)) return;
    this.isAwake = true;
    this.clock.nextTurn(() => this.deliver());
  }

  /** Passes a message that has arrived, or keeps it while the channel does not read. */
  arrived(message: M): void {
    if (this.isOver) return;
    if (this.isTaking && !this.hasKept) this.pass(message);
    else this.keep(message);
  }

  protected override pass(message: M): boolean {
    const isTurnOver = super.pass(message);
    this.taken?.(message);
    return isTurnOver;
  }

  /** Keeps a message until a read. */
  protected keep(message: M): void {
    this.kept ??= new Fifo();
    this.kept.push(message);
  }

  /** Called when the peer has ended its output, before the burst ends. */
  peerEnded(): void {
    this.isEndDue = true;
  }

  /** Drops the kept messages and the end. */
  clear(): void {
    this.kept?.clear();
    this.isEndDue = false;
  }

  override endBurst(): void {
    super.endBurst();
    if (!this.isEndDue || !this.isTaking || this.hasKept) return;
    this.isEndDue = false;
    this.sink?.inputEnded();
  }

  /** Passes kept messages on, as one burst. */
  protected deliver(): void {
    this.isAwake = false;
    while (this.hasKept && this.isTaking) this.pass(this.kept!.shift()!);
    this.endBurst();
  }

  /** Passes on all kept messages, even while reads are held, in several turns of the event loop. Calls `done` afterwards. */
  finish(done: () => void): void {
    while (this.hasKept && !this.pass(this.kept!.shift()!));
    this.endBurst();
    if (this.hasKept) this.clock.nextTurn(() => this.finish(done));
    else done();
  }

  /** Drops kept and later messages. */
  override stop(): void {
    super.stop();
    this.clear();
  }
}
