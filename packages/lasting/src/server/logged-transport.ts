import { Buffer } from 'node:buffer';
import type { OutboundBytes, TransportSink } from '@headrace/core';
import { addPendingOutboundBytes, channelOf } from '@headrace/core/authoring';
import { MESSAGE_HOLDER, type MessageHold, type MessageHolder } from '@headrace/handlers/call';
import { LastingInput } from '../channel/lasting-input.ts';
import type { ResumeLink } from '../channel/present-link.ts';
import type { ResumeTransportOptions } from '../channel/resume-owner.ts';
import type { ResumeAction, ResumeTerms, WantedTerms } from '../protocol/resume-machine.ts';
import type { RecordedSession, UnfinishedMessage } from '../protocol/session-record.ts';
import { BACKLOG_CREDITS, Journal } from './journal.ts';
import type {
  Description,
  JournalLog,
  JournalOwner,
  StoredWork,
  TransportHeader,
} from './journal-owner.ts';
import { SessionTransport } from './session-transport.ts';

/** The session of a {@link LoggedTransport}. */
export interface LoggedOwner {
  /** Whether the channel needs a record: the client has signed in, if a sign-in is required. */
  readonly isLogged: boolean;
  describe(): Description | undefined;
  /** Called when another process continues the channel. */
  lost(): void;
}

/** The input of a channel with a log. Messages of another process come first. */
class LoggedInput extends LastingInput {
  private readonly transport: LoggedTransport;

  constructor(transport: LoggedTransport) {
    super(transport);
    this.transport = transport;
  }

  /** Adds messages that another process did not finish. */
  repeat(messages: readonly UnfinishedMessage[]): void {
    for (const { payload } of messages) this.keep(payload);
  }

  /** Keeps the repeated messages, because no link sends them again. */
  override clear(): void {
    this.clearAfter(this.transport.journal.repeatCount);
  }

  protected override pass(payload: Buffer): boolean {
    this.transport.reads(payload);
    return super.pass(payload);
  }
}

/**
 * The transport of a lasting channel whose table has a log. Input and output of the channel are in the {@link Journal} until they
 * are stored, and then in the {@link SessionTransport}.
 */
export class LoggedTransport extends SessionTransport implements JournalOwner, MessageHolder {
  readonly journal: Journal;
  private readonly session: LoggedOwner;
  /** Bytes of stored messages that count as pending output of the channel. */
  private heldBytes = 0;

  constructor(options: ResumeTransportOptions, session: LoggedOwner, log: JournalLog) {
    super(options);
    this.session = session;
    this.journal = new Journal(this, log, options.random);
  }

  protected override newInput(): LastingInput {
    return new LoggedInput(this);
  }

  private get loggedInput(): LoggedInput {
    return this.input as LoggedInput;
  }

  private get isLogged(): boolean {
    const { journal, session } = this;
    if (journal.isActive) return true;
    if (this.isFinished || this.isOver || !session.isLogged) return false;
    journal.begin(nameOf(this.id));
    return true;
  }

  /** Continues the stored channel of another process. Returns false if more is kept than the client's credit allows. */
  restoreRecorded(recorded: RecordedSession, revision: string): boolean {
    const { state, unfinished } = recorded;
    this.journal.restore(nameOf(state.id), revision, recorded);
    if (!this.restore(state)) return false;
    this.loggedInput.repeat(unfinished);
    return true;
  }

  /** Resolves with true when the log knows that the channel is here, and with false if the channel is elsewhere. */
  async claim(): Promise<boolean> {
    try {
      await this.journal.claim();
      return true;
    } catch {
      return false;
    }
  }

  /** Resolves when another process can continue with all current work. */
  async handOverToLog(): Promise<void> {
    // The journal may not have begun, if nothing was written or read since the client's sign-in.
    if (!this.isLogged) throw new Error('it has ended');
    await this.journal.leave();
  }

  // --- links ---

  override accept(link: ResumeLink, wanted: WantedTerms): void {
    super.accept(link, wanted);
    // The client is notified of the open channel only after the log knows it.
    this.links.isPaused = true;
  }

  override open(sink: TransportSink): void {
    channelOf(sink)?.channel.attributes.set(MESSAGE_HOLDER, this);
    super.open(sink);
  }

  /** Called when its pipeline is built. */
  opened(): void {
    if (this.isLogged) this.journal.urge();
    else this.answered();
  }

  override resume(link: ResumeLink, frame: Buffer, hello: ResumeTerms): ResumeAction {
    if (!this.isLogged) return super.resume(link, frame, hello);
    const wasPaused = this.links.isPaused;
    this.links.isPaused = true;
    const action = super.resume(link, frame, hello);
    if (action.do === 'resumed') this.journal.urge();
    else this.links.isPaused = wasPaused;
    return action;
  }

  override frame(link: ResumeLink, frame: Buffer): Error | undefined {
    const { secrets } = this.machine;
    const wasConfirmed = secrets.isConfirmed;
    const error = super.frame(link, frame);
    // The log can forget the earlier secrets.
    if (!wasConfirmed && secrets.isConfirmed) this.journal.changedSoon();
    return error;
  }

  // --- work of the channel ---

  /** False while the channel waits for the log. */
  protected override get waitsForPeer(): boolean {
    return super.waitsForPeer && (!this.journal.isActive || this.output.hasWaiting);
  }

  override get keptBytes(): number {
    return super.keptBytes + this.output.waitingBytes + this.journal.waitingBytes;
  }

  reads(payload: Buffer): void {
    if (!this.journal.isActive) return;
    this.journal.reads(payload, this.machine.takenMessages + this.journal.takenCount + 1);
  }

  override taken(payloadBytes: number): void {
    if (this.isLogged) this.journal.took(payloadBytes);
    else super.taken(payloadBytes);
  }

  holdMessage(): MessageHold | undefined {
    return this.journal.hold();
  }

  override write(messages: readonly unknown[], bytes: number): boolean {
    if (!this.isLogged) return super.write(messages, bytes);
    if (bytes > this.machine.maxMessageBytes) this.refuseTooLong(messages);
    const takesMore = this.journal.write(messages as readonly OutboundBytes[], bytes);
    if (this.links.link === undefined) this.owner.grew();
    return takesMore;
  }

  protected override fill(): void {
    if (!this.journal.isActive) {
      super.fill();
      return;
    }
    if (this.output.fill()) this.journal.changed();
    this.countBacklog();
  }

  /** Counts messages beyond the backlog as pending output, which makes the channel unwritable. */
  private countBacklog(): void {
    const { channel, output, machine, heldBytes } = this;
    if (channel === undefined) return;
    const most = BACKLOG_CREDITS * machine.maxPayloadBytes;
    this.heldBytes = Math.max(0, output.waitingBytes - most);
    if (this.heldBytes !== heldBytes) addPendingOutboundBytes(channel, this.heldBytes - heldBytes);
  }

  protected override endOutput(reason: string): void {
    if (this.journal.isActive) this.journal.end(reason);
    else super.endOutput(reason);
  }

  override acknowledged(): Promise<void> {
    return this.output.acknowledged(this.journal.waitingCount);
  }

  override unacknowledged(): Buffer[] {
    if (!this.journal.isActive) return super.unacknowledged();
    return [...this.payloads(), ...this.journal.waitingMessages];
  }

  // --- as the owner of the journal ---

  get waitingBytes(): number {
    return this.output.waitingBytes;
  }

  get roomBytes(): number {
    return this.machine.maxPayloadBytes;
  }

  get pendingBytes(): number {
    return this.isOver ? 0 : (this.channel?.pendingOutboundBytes ?? 0) - this.heldBytes;
  }

  get isOverrun(): boolean {
    const limits = this.sink && channelOf(this.sink);
    return limits !== undefined && this.heldBytes > limits.maxOutboundBytes;
  }

  header(): TransportHeader {
    const { machine, output, isOver: isClosed, remoteAddress: remote } = this;
    const keptCount = machine.lastMessage - machine.acknowledgedMessages + output.waitingCount;
    return { ...machine.header, keptCount, isClosed, remote };
  }

  payloads(): Buffer[] {
    return [...this.machine.unacknowledged(), ...this.output.waitingPayloads()];
  }

  flush(): void {
    if (!this.isOver) this.channel?.flush();
  }

  pull(): void {
    this.sink!.written();
  }

  describe(): Description | undefined {
    return this.session.describe();
  }

  stored({ messages, sizes, endReason }: StoredWork): void {
    if (this.isFinished) return;
    for (const size of sizes) this.tookStored(size);
    let bytes = 0;
    for (const { length } of messages) bytes += length;
    if (messages.length > 0) this.output.write(messages, bytes);
    if (endReason !== undefined) this.machine.end(endReason);
    this.countBacklog();
    if (this.links.isPaused) return;
    this.links.pump();
    this.finishIfDone();
  }

  /** Called when a read message is stored, so that the message can be acknowledged. */
  private tookStored(size: number): void {
    // The message arrived over an earlier link. RESUMED counts the message, and waits for the same
    // log.
    if (this.links.isPaused) this.machine.tookBefore();
    else super.taken(size);
  }

  logWaits(): void {
    if (this.links.isPaused || this.links.link === undefined) return;
    this.machine.acknowledgeAgain();
    this.links.pump();
  }

  answered(): void {
    if (!this.links.isPaused) return;
    this.links.isPaused = false;
    if (this.isFinished) return;
    this.links.pump();
    this.finishIfDone();
  }

  lost(): void {
    this.session.lost();
  }

  overrun(): void {
    this.channel?.close('slow-consumer');
  }

  failed(error: Error): void {
    this.fail(error);
  }
}

/** Returns the name of a channel in the log, because its id can contain any bytes. */
export function nameOf(id: string): string {
  return Buffer.from(id, 'latin1').toString('hex');
}

/** Returns the id of the channel with this name in the log. */
export function idOf(name: string): string {
  return Buffer.from(name, 'hex').toString('latin1');
}
