// The input of a channel: requested, held, paused for this turn, dropped or ended. The input half of the
// connection:
//
//   OPEN ──our shutdown('input')──▶ DROPPED ──the peer's end──▶ DROPPED_AND_ENDED
//     └───────────the peer's end──▶ ENDED

import { callSafely } from '../call/call-safely.ts';
import type { Channel, ReadHold } from '../contract.ts';
import type { Transport } from '../transport/transport.ts';
import type { ResolvedChannelOptions } from './channel-options.ts';
import { ReadHolds } from './read-holds.ts';

const OPEN = 0;
/** Later input is dropped. The input is read only to detect the peer's end. */
const DROPPED = 1;
const ENDED = 2;
/** The peer has also ended the half. */
const DROPPED_AND_ENDED = 3;

/** The parts of a channel that its input uses. */
type ReadingOwner = Pick<Channel, 'isOpen' | 'isActive' | 'pipeline'> & {
  readonly options: ResolvedChannelOptions;
  readonly output: { readonly transport: Transport; readonly isEnding: boolean };
  failed(error: Error): void;
};

export class ChannelReading {
  isInBurst = false;
  drops = false;
  /** Whether the transport is being replaced. Only the new transport is read. */
  isReplacing = false;
  private half = OPEN;
  private readsByItself: boolean;
  /** Whether input was requested and has not arrived. */
  private isRequested = false;
  /** End of the share of this turn. 0: no share has begun. Infinity: the next turn is awaited. */
  private turnEndsAt = 0;
  private turnListeners: (() => void)[] | undefined = undefined;
  private delivered: (() => void) | undefined = undefined;
  private holds: ReadHolds | undefined = undefined;
  private readonly owner: ReadingOwner;

  constructor(owner: ReadingOwner) {
    this.owner = owner;
    this.readsByItself = owner.options.autoRead;
    if (!this.readsByItself) this.stamp();
  }

  // --- the half of the connection ---

  get isShut(): boolean {
    return this.half !== OPEN;
  }

  get isEnded(): boolean {
    return this.half >= ENDED;
  }

  /** Whether the local side has decided that later input reaches no handler. */
  get isDiscarded(): boolean {
    return this.holds?.isCut === true || this.half === DROPPED || this.half === DROPPED_AND_ENDED;
  }

  /** Stops reading. Handlers still deliver the input that was read, and {@link cut} follows. */
  stop(): void {
    this.madeHolds().isStopped = true;
    if (this.owner.isActive && !this.drops) this.owner.output.transport.pauseReading();
    this.stamp();
  }

  cut(): void {
    if (!this.owner.isOpen || this.drops) return;
    this.madeHolds().isCut = true;
    this.drops = true;
    this.requestToDrop();
  }

  private get isStopped(): boolean {
    return this.holds?.isStopped === true;
  }

  shutDown(): void {
    this.half = DROPPED;
    this.drops = true;
  }

  peerEnded(): void {
    this.half = this.half === OPEN ? ENDED : DROPPED_AND_ENDED;
    this.drops = true;
  }

  /** Drops later input after `end()`. The half stays open until the peer ends it. */
  linger(): void {
    this.drops = true;
  }

  // --- asking the transport ---

  get autoRead(): boolean {
    return this.readsByItself;
  }

  setAutoRead(value: boolean): void {
    if (value === this.readsByItself) return;
    this.readsByItself = value;
    if (value) this.requestIfAuto();
    else {
      this.isRequested = false;
      if (!this.drops) this.owner.output.transport.pauseReading();
    }
    this.stamp();
  }

  requestIfAuto(): void {
    if (this.readsByItself && this.owner.isOpen) this.owner.pipeline.read();
  }

  request(): void {
    const { owner } = this;
    if (!owner.isOpen) return;
    this.isRequested = true;
    if (!this.readsByItself) this.stamp();
    if (owner.isActive && !this.isHeld && !this.isStopped) owner.output.transport.requestRead();
  }

  /** Whether a `read()` was called with auto-read off. If it was called before the connect, it is requested afterwards. */
  get isRequestedOnce(): boolean {
    return this.isRequested && !this.readsByItself;
  }

  /** Whether input was requested and has not arrived. */
  get isAsked(): boolean {
    return this.isRequested;
  }

  /** Requests input that is dropped, to detect the peer's end. */
  requestToDrop(): void {
    if (!this.isReplacing) this.owner.output.transport.requestRead();
  }

  beginBurst(): void {
    this.isInBurst = true;
    this.isRequested = false;
    if (!this.readsByItself) this.stamp();
  }

  /** @param hasMore - whether the read filled its buffer, so that another read in the same turn is likely */
  endBurst(hasMore: boolean): void {
    this.isInBurst = false;
    if (hasMore) this.checkTurn();
    else if (!this.isTurnOver) this.turnEndsAt = 0;
  }

  dropOn(): void {
    if (!this.isTurnOver) this.requestToDrop();
  }

  // --- holds ---

  get isHeld(): boolean {
    return this.holds !== undefined && !this.holds.isEmpty;
  }

  get holdReasons(): readonly string[] {
    return this.holds?.reasons ?? [];
  }

  get heldMs(): number {
    return this.holds?.suspended ?? 0;
  }

  hold(why: string): ReadHold {
    const { owner } = this;
    const holds = this.madeHolds();
    if (holds.isEmpty && owner.isActive && !this.drops) owner.output.transport.pauseReading();
    return holds.add(why);
  }

  /** Records whether input is requested. */
  private stamp(): void {
    this.madeHolds().setUnasked(this.isStopped || (!this.readsByItself && !this.isRequested));
  }

  private madeHolds(): ReadHolds {
    this.holds ??= new ReadHolds(this.owner.options.clock, this);
    return this.holds;
  }

  get mayHideFailure(): boolean {
    return this.owner.output.transport.detectFailure !== undefined;
  }

  /**
   * Asks the transport for a failure. While nothing is read, no event reports that the peer has reset the connection.
   */
  detectFailure(): void {
    const { owner } = this;
    // If both halves have ended, that looks like a reset. The local end has deadlines.
    if (!owner.isActive || this.drops || owner.output.isEnding) return;
    const failure = owner.output.transport.detectFailure?.();
    if (failure !== undefined) owner.failed(failure);
  }

  onceReadable(listener: () => void): void {
    if (!this.isHeld) listener();
    else this.holds!.once(listener);
  }

  releaseAll(): void {
    this.holds?.clear();
  }

  released(): void {
    const { owner } = this;
    if (!owner.isOpen || this.drops) return;
    if (this.readsByItself) owner.pipeline.read();
    else if (this.isRequested) this.request();
  }

  // --- the share of a turn ---

  checkTurn(): boolean {
    const { readBudgetMs, clock } = this.owner.options;
    if (readBudgetMs === Number.POSITIVE_INFINITY) return false;
    const now = clock.now();
    if (this.turnEndsAt === 0) this.turnEndsAt = clock.turns.endOfShare(now, readBudgetMs);
    else if (now >= this.turnEndsAt) {
      // A handler's own hold does not matter: messages that a handler kept have no more time than messages that
      // were just read.
      this.turnEndsAt = Number.POSITIVE_INFINITY;
      const hold = this.hold('turn');
      clock.turns.wait(now, () => this.nextTurn(hold));
    }
    return this.isTurnOver;
  }

  onNextTurn(listener: () => void): void {
    if (!this.isTurnOver) listener();
    else if (this.turnListeners === undefined) this.turnListeners = [listener];
    else this.turnListeners.push(listener);
  }

  /**
   * Calls the listener when the handlers have delivered their remaining input, turn by turn. The end follows that
   * input.
   */
  onceDelivered(listener: () => void): void {
    if (!this.isDelivering) listener();
    else this.delivered = listener;
  }

  /** Whether handlers have input for later turns. */
  get isDelivering(): boolean {
    return this.turnListeners !== undefined;
  }

  private get isTurnOver(): boolean {
    return this.turnEndsAt === Number.POSITIVE_INFINITY;
  }

  private nextTurn(hold: ReadHold): void {
    this.turnEndsAt = 0;
    hold.release();
    this.callTurnListeners();
    if (this.isTurnOver) return;
    // No input is waiting. The next read may be much later.
    this.turnEndsAt = 0;
    const { delivered } = this;
    this.delivered = undefined;
    delivered?.();
    if (this.drops && this.owner.isOpen) this.requestToDrop();
  }

  private callTurnListeners(): void {
    const { turnListeners = [] } = this;
    this.turnListeners = undefined;
    for (const listener of turnListeners) {
      // An earlier listener may have used up the time.
      this.onNextTurn(() => callSafely(listener, undefined));
    }
  }
}
