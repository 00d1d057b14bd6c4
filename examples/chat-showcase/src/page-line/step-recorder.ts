import { describe, describeEvent } from './describe.ts';
import type { Step } from './page-message.ts';
import type { TapHandler, TapListener } from './tap-handler.ts';
import type { TappedLane } from './tapped-lane.ts';

/** A burst shows how it begins; the rest is counted. */
const MAX_STEPS = 96;

/** The steps since the last `take()`. */
export interface Recorded {
  readonly steps: readonly Step[];
  readonly skipped: number;
}

/** Turns the observations of all taps into the steps of each handler. */
export class StepRecorder implements TapListener {
  lanes: readonly TappedLane[] = [];
  bytesIn = 0;
  bytesOut = 0;
  /** While the panel's own messages go out: they are counted, not shown. */
  isPaused = false;
  private readonly onStep: (isUrgent: boolean) => void;
  private writesBefore = 0;
  private steps: Step[] = [];
  private skipped = 0;

  /** @param onStep - something happened since the last `take()`; urgent, if the connection may end with it */
  constructor(onStep: (isUrgent: boolean) => void) {
    this.onStep = onStep;
  }

  take(): Recorded {
    const { steps, skipped } = this;
    this.steps = [];
    this.skipped = 0;
    return { steps, skipped };
  }

  read(tap: TapHandler, message: unknown): void {
    if (tap.lane === 0 && tap.index === 0) this.bytesIn += lengthOf(message);
    if (this.isOwn(tap, message)) return;
    const lane = this.lanes[tap.lane]!;
    const from = tap.index - 1;
    const before = lane.tap(from);
    // A message that a handler passes on unchanged needs no second step.
    if (before !== undefined && (before.reading !== message || lane.isCodec(from))) {
      this.add(tap.lane, from, 'made', describe(message, lane.isFrame(from)));
    }
    if (!lane.drawn.handlers[tap.index]!.reads) return;
    this.add(tap.lane, tap.index, 'took', describe(message, lane.isFrame(from)));
  }

  write(tap: TapHandler, message: unknown): void {
    if (tap.lane === 0 && tap.index === 0) this.bytesOut += lengthOf(message);
    if (this.isOwn(tap, message)) return;
    const { handlers } = this.lanes[tap.lane]!.drawn;
    const after = this.lanes[tap.lane]!.tap(tap.index + 1);
    const isHandlers = handlers[tap.index]!.writes || (after && after.writing !== message);
    // The last tap gets the channel's own writes only: those of the room.
    const from = after === undefined && !handlers[tap.index]!.writes ? handlers.length : tap.index;
    if (isHandlers || from !== tap.index) this.add(tap.lane, from, 'wrote', describe(message));
    this.writesBefore = this.writesPast(tap);
  }

  written(tap: TapHandler, message: unknown): void {
    const before = tap.index - 1;
    const { handlers } = this.lanes[tap.lane]!.drawn;
    if (this.isOwn(tap, message) || handlers[before]?.writes !== true) return;
    // Nothing came out of it: it keeps the message.
    if (this.writesPast(tap) !== this.writesBefore) return;
    this.add(tap.lane, before, 'held', describe(message));
  }

  event(tap: TapHandler, event: unknown): void {
    const { handlers } = this.lanes[tap.lane]!.drawn;
    const before = this.lanes[tap.lane]!.tap(tap.index - 1);
    if (before !== undefined && before.reading !== event) {
      this.add(tap.lane, tap.index - 1, 'fired', describeEvent(event));
    }
    if (handlers[tap.index]!.events) this.add(tap.lane, tap.index, 'took', describeEvent(event));
  }

  /** How many writes have come out of the handler before this tap. */
  private writesPast(tap: TapHandler): number {
    return this.lanes[tap.lane]!.tap(tap.index - 1)?.writes ?? 0;
  }

  /** The page's own line is not part of the chat. */
  private isOwn(tap: TapHandler, message: unknown): boolean {
    return this.isPaused || (tap.lane > 0 && message instanceof Uint8Array);
  }

  private add(
    lane: number,
    handler: number,
    deed: Step['deed'],
    message: Pick<Step, 'kind' | 'what'>,
  ): void {
    if (this.steps.length < MAX_STEPS) this.steps.push({ lane, handler, deed, ...message });
    else this.skipped += 1;
    this.onStep(deed === 'fired');
  }
}

function lengthOf(message: unknown): number {
  return (message as { readonly byteLength?: number }).byteLength ?? 0;
}
