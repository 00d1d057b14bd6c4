import { Buffer } from 'node:buffer';
import { randomInt } from 'node:crypto';
import { onAbort, toBuffer } from '@headrace/core/authoring';
import type { LogEntry, LogLimits, LogLink, LogPage, LogPosition } from '../../log/log.ts';
import type {
  StateAnswer,
  StateEntry,
  StateLimits,
  StateLink,
  StatePage,
  StateWrite,
} from '../../log/state-log.ts';
import type { BusHost, BusSubscription } from '../bus.ts';
import type { BusLink, BusLinkSink } from '../bus-engine.ts';
import { followed } from '../relay/local-link.ts';
import {
  ASK,
  asRelayFrame,
  CallBatch,
  CallReader,
  type EntryText,
  entryFrom,
  type RelayFrame,
  type StateEntryText,
  stateEntryFrom,
  TELL,
} from './relay-frame.ts';

/** The connection from a worker to its primary. */
export interface PrimaryWire {
  readonly isOpen: boolean;
  send(frame: RelayFrame, left: () => void): void;
  /** Calls `received` with the messages of the primary, and `gone` once when the primary is gone. */
  listen(received: (message: unknown) => void, gone: () => void): () => void;
}

interface Request {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A link of a worker to the relay in its primary. */
export class WorkerLink implements BusLink, LogLink {
  readonly log: LogLink = this;
  readonly stateLog: StateLink = {
    open: (stream, limits) => this.openState(stream, limits),
    append: (stream, id, write) => this.change(stream, id, write),
    read: (stream, after, limit) => this.readState(stream, after, limit),
    follow: (stream, listener) => {
      this.ask(stream.length, ASK.followState, stream);
      return followed(this.stateFollowers, stream, listener, () => this.unfollow(stream));
    },
  };
  private readonly id: number;
  private readonly wire: PrimaryWire;
  private readonly sink: BusLinkSink;
  private readonly batch: CallBatch;
  private readonly requests = new Map<number, Request>();
  private readonly followers = new Map<string, (entry: LogEntry) => void>();
  private readonly stateFollowers = new Map<string, (entry: StateEntry) => void>();
  private readonly welcome: () => void;
  private readonly stopListening: () => void;
  private lastRequest = 0;
  private isClosed = false;

  constructor(id: number, wire: PrimaryWire, sink: BusLinkSink, welcome: () => void) {
    this.id = id;
    this.wire = wire;
    this.sink = sink;
    this.welcome = welcome;
    this.batch = new CallBatch((calls) => wire.send({ headraceLink: id, calls }, () => {}));
    this.stopListening = wire.listen(
      (message) => this.received(message),
      () => this.gone(new Error('the primary process is gone')),
    );
    this.ask(0, ASK.hello);
  }

  publish(subject: string, bytes: Uint8Array): void {
    const data = toBuffer(bytes).toString('base64');
    this.ask(subject.length + data.length, ASK.publish, subject, data);
  }

  /** Sends the will in a frame of its own, because an older primary drops the rest of a frame after an unknown call. */
  setWill(subject: string, bytes: Uint8Array): void {
    const data = toBuffer(bytes).toString('base64');
    this.batch.flush();
    this.ask(subject.length + data.length, ASK.will, subject, data);
    this.batch.flush();
  }

  subscribe(subject: string): void {
    this.ask(subject.length, ASK.subscribe, subject);
  }

  unsubscribe(subject: string): void {
    this.ask(subject.length, ASK.unsubscribe, subject);
  }

  async settled(): Promise<void> {
    await this.request(0, ASK.settled);
  }

  async receivers(subject: string): Promise<number> {
    return (await this.request(subject.length, ASK.receivers, subject)) as number;
  }

  async open(stream: string, { messages, ageMs }: LogLimits): Promise<void> {
    await this.request(stream.length, ASK.open, stream, ...[messages, ageMs].map(finite));
  }

  async append(stream: string, id: string, bytes: Uint8Array): Promise<LogPosition> {
    const text = toBuffer(bytes).toString('base64');
    const length = stream.length + id.length + text.length;
    return (await this.request(length, ASK.append, stream, id, text)) as LogPosition;
  }

  async read(stream: string, after: number, limit: number): Promise<LogPage> {
    const page = await this.request(stream.length, ASK.read, stream, after, finite(limit));
    const { entries, ...rest } = page as Omit<LogPage, 'entries'> & { entries: EntryText[] };
    return { ...rest, entries: entries.map(entryFrom) };
  }

  follow(stream: string, listener: (entry: LogEntry) => void): BusSubscription {
    this.ask(stream.length, ASK.follow, stream);
    return followed(this.followers, stream, listener, () => this.unfollow(stream));
  }

  async close(flush: boolean): Promise<void> {
    if (this.isClosed) return;
    this.ask(0, ASK.bye);
    this.batch.flush();
    this.end(new Error('the link was closed'));
    // This frame arrives after all earlier frames.
    if (flush && this.wire.isOpen) {
      await new Promise<void>((resolve) => {
        this.wire.send({ headraceLink: this.id, calls: [] }, resolve);
      });
    }
  }

  private received(message: unknown): void {
    const frame = asRelayFrame(message);
    if (frame?.headraceLink !== this.id) return;
    const reader = new CallReader(frame.calls);
    try {
      while (!reader.isAtEnd && !this.isClosed) this.execute(reader.number(), reader);
    } catch (thrown) {
      this.gone(new Error('the primary runs another version of this package', { cause: thrown }));
    }
  }

  private execute(what: number, fields: CallReader): void {
    switch (what) {
      case TELL.welcome:
        this.welcome();
        break;
      case TELL.message:
        this.sink.received(fields.text(), Buffer.from(fields.text(), 'base64'));
        break;
      case TELL.answer:
        this.take(fields.number())?.resolve(fields.any());
        break;
      case TELL.failed:
        this.take(fields.number())?.reject(new Error(fields.text()));
        break;
      case TELL.entry: {
        const follower = this.followers.get(fields.text());
        follower?.(entryFrom(fields.any() as EntryText));
        break;
      }
      case TELL.change: {
        const follower = this.stateFollowers.get(fields.text());
        follower?.(stateEntryFrom(fields.any() as StateEntryText));
        break;
      }
      default:
        throw new Error(`there is no call ${what}`);
    }
  }

  private async openState(stream: string, limits: StateLimits): Promise<void> {
    const { keys, bytes, removals, removalAgeMs } = limits;
    const numbers = [keys, bytes, removals, removalAgeMs].map(finite);
    await this.request(stream.length, ASK.openState, stream, ...numbers);
  }

  private async change(stream: string, id: string, write: StateWrite): Promise<StateAnswer> {
    const { key, bytes, isRemoval, expected = -1 } = write;
    const text = bytes.toString('base64');
    const length = stream.length + id.length + key.length + text.length;
    const fields = [stream, id, key, text, isRemoval ? 1 : 0, expected];
    const answer = await this.request(length, ASK.change, ...fields);
    const { conflict } = answer as { readonly conflict?: StateEntryText | null };
    if (conflict === undefined || conflict === null) return answer as StateAnswer;
    return { conflict: stateEntryFrom(conflict) };
  }

  private async readState(stream: string, after: number, limit: number): Promise<StatePage> {
    const page = await this.request(stream.length, ASK.readState, stream, after, finite(limit));
    const { entries, ...rest } = page as Omit<StatePage, 'entries'> & { entries: StateEntryText[] };
    return { ...rest, entries: entries.map(stateEntryFrom) };
  }

  private unfollow(stream: string): void {
    this.ask(stream.length, ASK.unfollow, stream);
  }

  private ask(length: number, ...fields: unknown[]): void {
    if (!this.isClosed) this.batch.add(length, ...fields);
  }

  private request(length: number, what: number, ...fields: unknown[]): Promise<unknown> {
    if (this.isClosed) return Promise.reject(new Error('the link has ended'));
    this.lastRequest += 1;
    const number = this.lastRequest;
    return new Promise((resolve, reject) => {
      this.requests.set(number, { resolve, reject });
      this.ask(length, what, number, ...fields);
    });
  }

  private take(number: number): Request | undefined {
    const request = this.requests.get(number);
    this.requests.delete(number);
    return request;
  }

  private gone(cause: Error): void {
    if (this.isClosed) return;
    this.end(cause);
    this.sink.lost(cause);
  }

  private end(cause: Error): void {
    this.isClosed = true;
    this.stopListening();
    for (const { reject } of this.requests.values()) reject(cause);
    this.requests.clear();
    this.followers.clear();
    this.stateFollowers.clear();
  }
}

/** Returns a limit as a number that JSON has, because it has no Infinity. */
function finite(limit: number): number {
  return Math.min(limit, Number.MAX_SAFE_INTEGER);
}

/** Maximum time for a primary to answer. A primary that relays answers at once. */
const WELCOME_WITHIN_MS = 2000;

/** Connects to the relay in the primary. Resolves when the relay has answered. */
export function connectToPrimary(
  wire: PrimaryWire,
  sink: BusLinkSink,
  host: BusHost,
  signal: AbortSignal,
): Promise<WorkerLink> {
  return new Promise((resolve, reject) => {
    const settled = (): void => {
      timer.cancel();
      stopListening();
    };
    const failed = (error: Error): void => {
      settled();
      void link.close(false);
      reject(error);
    };
    const stopListening = onAbort(signal, () => failed(signal.reason as Error));
    const timer = host.clock.schedule(() => {
      const text = 'the primary process does not relay: call runWorkers() or processBus() there';
      failed(new Error(text));
    }, WELCOME_WITHIN_MS);
    let isUp = false;
    const own: BusLinkSink = {
      received: (subject, bytes) => sink.received(subject, bytes),
      lost: (cause) => {
        if (isUp) sink.lost(cause);
        else failed(cause ?? new Error('the link was lost'));
      },
    };
    const link = new WorkerLink(randomInt(2 ** 31), wire, own, () => {
      settled();
      isUp = true;
      resolve(link);
    });
  });
}
