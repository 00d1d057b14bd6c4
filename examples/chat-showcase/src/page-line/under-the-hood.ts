import type { Channel, Context, Timer } from '@headrace/core';
import { IdleStateHandler } from '@headrace/handlers';
import { WebSocketTextCodec } from '@headrace/websocket';
import type { Room } from '../room/room.ts';
import type { Settings } from '../settings/settings.ts';
import type { PageMessage, PageWord } from './page-message.ts';
import { StalledOutputHandler } from './stalled-output-handler.ts';
import { StepRecorder } from './step-recorder.ts';
import { TappedLane } from './tapped-lane.ts';

export interface UnderTheHoodParts {
  /** The page line's own place: its writes pass no tap of the WebSocket. */
  readonly ctx: Context;
  readonly room: Room;
  readonly settings: Settings;
  /** Sends to the page, and returns how many bytes that was. */
  readonly send: (message: PageMessage) => number;
}

/** Steps are sent together. */
const STEPS_MS = 80;
const VITALS_MS = 500;
/** While the page plays dead: two minutes would be too long to watch. */
const SILENT_IDLE_SECONDS = 10;

/**
 * Shows one member the pipeline of its own connection at work, while its panel is open: taps between the
 * handlers, and the figures of the connection and the room. Of the other members it shows how many there are.
 */
export class UnderTheHood {
  private readonly parts: UnderTheHoodParts;
  private readonly recorder: StepRecorder;
  private stepTimer: Timer | undefined = undefined;
  private vitalsTimer: Timer | undefined = undefined;
  private ownBytes = 0;
  private idleSeconds: number;

  constructor(parts: UnderTheHoodParts) {
    this.parts = parts;
    this.idleSeconds = parts.settings.readerIdleSeconds;
    this.recorder = new StepRecorder((isUrgent) => this.stepped(isUrgent));
  }

  open(): void {
    this.tap();
    this.sendVitals();
  }

  /** Nothing of it stays in the pipelines. */
  close(): void {
    this.stepTimer?.cancel();
    this.vitalsTimer?.cancel();
    this.untap();
    if (!this.channel.isActive) return;
    this.setIdleLimit(this.parts.settings.readerIdleSeconds);
    this.channel.pipeline.removeIfExists(StalledOutputHandler);
  }

  play(word: PageWord): void {
    if (word === 'cut') (this.channel.parent ?? this.channel).abort();
    else if (word === 'slow') this.change(() => this.stall());
    else {
      const { readerIdleSeconds } = this.parts.settings;
      const seconds = word === 'silent' ? SILENT_IDLE_SECONDS : readerIdleSeconds;
      this.change(() => this.setIdleLimit(Math.min(seconds, readerIdleSeconds)));
    }
  }

  private get channel(): Channel {
    return this.parts.ctx.channel;
  }

  // --- the pipelines ---

  private tap(): void {
    const { recorder, channel } = this;
    const { parent } = channel;
    const lanes = parent === undefined ? [] : [new TappedLane('TCP', 0, parent.pipeline, recorder)];
    lanes.push(new TappedLane('WebSocket', lanes.length, channel.pipeline, recorder));
    recorder.lanes = lanes;
    this.send({ kind: 'pipeline', lanes: lanes.map(({ drawn }) => drawn) });
  }

  private untap(): void {
    for (const lane of this.recorder.lanes) lane.remove();
  }

  /** Pipelines may be changed while messages flow; the picture is drawn again. */
  private change(edit: () => void): void {
    this.untap();
    edit();
    this.tap();
  }

  private stall(): void {
    const { pipeline } = this.channel;
    if (pipeline.get(StalledOutputHandler) !== undefined) return;
    pipeline.addAfter(WebSocketTextCodec, new StalledOutputHandler());
  }

  private setIdleLimit(seconds: number): void {
    const { pipeline } = this.channel;
    const current = pipeline.context(IdleStateHandler);
    if (current === undefined || seconds === this.idleSeconds) return;
    this.idleSeconds = seconds;
    const handler = new IdleStateHandler({ readerIdleMs: seconds * 1000 });
    pipeline.replace(current.name, handler, current.name);
  }

  // --- output ---

  private stepped(isUrgent: boolean): void {
    if (isUrgent) this.sendSteps();
    else this.stepTimer ??= this.channel.clock.schedule(() => this.sendSteps(), STEPS_MS);
  }

  private sendSteps(): void {
    this.stepTimer?.cancel();
    this.stepTimer = undefined;
    this.send({ kind: 'steps', ...this.recorder.take() });
  }

  private sendVitals(): void {
    this.vitalsTimer = this.channel.clock.schedule(() => this.sendVitals(), VITALS_MS);
    const { channel, recorder } = this;
    const { room, settings } = this.parts;
    this.send({
      kind: 'vitals',
      bytesIn: recorder.bytesIn,
      bytesOut: recorder.bytesOut,
      ownBytes: this.ownBytes,
      waitingBytes: channel.pendingOutboundBytes + (channel.parent?.pendingOutboundBytes ?? 0),
      maxWaitingBytes: settings.maxOutboundBytes,
      isWritable: channel.isWritable,
      readHolds: channel.readHolds,
      idleLimitMs: this.idleSeconds * 1000,
      room: room.figures(),
    });
  }

  private send(message: PageMessage): void {
    this.recorder.isPaused = true;
    this.ownBytes += this.parts.send(message);
    this.recorder.isPaused = false;
  }
}
