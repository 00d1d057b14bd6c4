import type { Buffer } from 'node:buffer';
import { toError } from '@headrace/core/authoring';
import type { Bus, BusHost, BusSubscription, PublishOutcome } from '../bus/bus.ts';
import type { Subjects } from '../bus/subject.ts';
import { type Body, encodeBody } from '../envelope/body.ts';
import type { Envelope, Kind } from '../envelope/envelope.ts';
import type { EnvelopeSeal } from '../envelope/envelope-seal.ts';
import { AgingMap } from '../time/aging-map.ts';
import { FaultCounts } from './fault-counts.ts';
import { FreshMessages } from './fresh-messages.ts';

/** The process of a node, as its parts see it. */
export interface NodeHost extends Omit<BusHost, 'probe'> {
  readonly randomBytes: (size: number) => Buffer;
}

/** Called for each envelope on a subject; a throw counts as a fault of the sender. */
export type EnvelopeListener = (envelope: Envelope, subject: string) => void;

const NODE_ID_BYTES = 16;
/** As long as other nodes may look for what they missed on a line. */
const ENDED_MS = 60_000;
const MAX_ENDED = 10_000;
const SEAL_FAULTS: Readonly<Record<string, string>> = {
  unsealed: 'a message of a node without keys',
  sealed: 'a message of a node with keys, and this one has none: see keys of Cluster.join',
  forged: 'a message that no key of this node made',
};

/** One node's end of the bus: envelopes with its id and its numbers go out, those of others come in. */
export class Wire {
  readonly host: NodeHost;
  readonly bus: Bus;
  readonly subjects: Subjects;
  readonly faults: FaultCounts;
  private readonly seal: EnvelopeSeal;
  private id: string;
  /** The last number on each line. */
  private readonly numbers = new Map<string, number>();
  /** The numbers of lines that ended a short time ago. */
  private ended = new AgingMap<number>(ENDED_MS, MAX_ENDED);
  /** No line that has ended had a higher number. */
  private highestEnded = 0;
  private readonly renamed = new Set<() => void>();
  private readonly fresh = new FreshMessages();
  /** Of the last message: a clock that is set back makes none that is older. */
  private lastTime = 0;

  constructor(host: NodeHost, bus: Bus, subjects: Subjects, seal: EnvelopeSeal) {
    this.host = host;
    this.bus = bus;
    this.subjects = subjects;
    this.seal = seal;
    this.faults = new FaultCounts(host.logger);
    this.id = this.newId();
  }

  /** The id of this node: 32 hexadecimal digits, new at each start. */
  get nodeId(): string {
    return this.id;
  }

  /** Another node has this id: from here on we have another one, and all numbers begin again. */
  rename(): void {
    this.id = this.newId();
    this.numbers.clear();
    this.ended = new AgingMap(ENDED_MS, MAX_ENDED);
    this.highestEnded = 0;
    for (const listener of this.renamed) listener();
  }

  onRenamed(listener: () => void): void {
    this.renamed.add(listener);
  }

  /**
   * @param line - what the numbers belong to, for subjects that share them
   * @throws EncodeError `MESSAGE_TOO_LONG`
   */
  send(subject: string, kind: Kind, body: Body, flags = 0, line: string = subject): PublishOutcome {
    const number = (this.numbers.get(line) ?? 0) + 1;
    const { bodyType, body: bytes } = body;
    const envelope = { kind, bodyType, flags, node: this.id, number, body: bytes };
    this.lastTime = Math.max(this.lastTime, Math.floor(this.host.clock.timeOfDay()));
    const sealed = this.seal.encode(subject, envelope, this.lastTime);
    this.numbers.set(line, number);
    return this.bus.publish(subject, sealed);
  }

  /** Sends something that JSON can say. */
  sendJson(subject: string, kind: Kind, value: object, flags = 0): PublishOutcome {
    return this.send(subject, kind, encodeBody(value), flags);
  }

  /**
   * As {@link sendJson}, when this process has ended without closing the bus. Its number and time do not count: it is true
   * whenever it comes.
   */
  leaveWill(subject: string, kind: Kind, value: object): void {
    const { bodyType, body } = encodeBody(value);
    const envelope = { kind, bodyType, flags: 0, node: this.id, number: 1, body };
    this.bus.leaveWill?.(subject, this.seal.encode(subject, envelope, 0));
  }

  /** The number of the last envelope on a line; 0 before the first. */
  lastNumber(line: string): number {
    return this.numbers.get(line) ?? 0;
  }

  /** The line has ended: its number is not kept. */
  forget(line: string): void {
    this.numbers.delete(line);
  }

  /** The line ends, and may begin again: its number is known for a while, by which it goes on. */
  end(line: string): void {
    const number = this.numbers.get(line);
    if (number === undefined) return;
    this.numbers.delete(line);
    this.highestEnded = Math.max(this.highestEnded, number);
    this.ended.set(line, number, this.host.clock.now());
  }

  /**
   * Something is sent on a line that may have ended. False if it is not known where it ended: then it begins above all
   * lines that have, and its first envelope says so.
   */
  begin(line: string): boolean {
    if (this.numbers.has(line)) return true;
    const number = this.ended.get(line);
    this.ended.delete(line);
    if (number === undefined && this.highestEnded === 0) return true;
    this.numbers.set(line, number ?? this.highestEnded);
    return number !== undefined;
  }

  /** How many lines something was sent on. */
  get lineCount(): number {
    return this.numbers.size + this.ended.size;
  }

  /** Calls back with the envelopes of other nodes. */
  listen(subject: string, listener: EnvelopeListener): BusSubscription {
    return this.subscribe(subject, (envelope) => {
      if (envelope.node !== this.id && this.isFresh(envelope, subject)) listener(envelope, subject);
    });
  }

  /** Also with those that have our own id, and with wills. */
  listenToAll(subject: string, listener: EnvelopeListener): BusSubscription {
    return this.subscribe(subject, (envelope) => {
      if (envelope.time === 0 || this.isFresh(envelope, subject)) listener(envelope, subject);
    });
  }

  private isFresh(envelope: Envelope, subject: string): boolean {
    const { node, time } = envelope;
    if (time === undefined) return true;
    const now = this.host.clock.timeOfDay();
    if (this.fresh.take(subject, envelope, now)) return true;
    const age = `${Math.round((now - time) / 1000)} s old by the clock of this node`;
    const text = `a message of node ${node}, ${age}: it was recorded and sent again, or the clocks of the nodes differ`;
    this.faults.add('recorded', subject, text);
    return false;
  }

  private subscribe(subject: string, listener: EnvelopeListener): BusSubscription {
    return this.bus.subscribe(subject, (bytes) => {
      const envelope = this.read(bytes, subject);
      if (envelope === undefined) return;
      try {
        listener(envelope, subject);
      } catch (thrown) {
        this.reportFault(envelope, subject, thrown);
      }
    });
  }

  /** An envelope as it is stored in the log. @param scope - of its seal: the stream and the id */
  encode(scope: string, envelope: Envelope): Buffer {
    return this.seal.encode(scope, envelope, 0);
  }

  /**
   * The envelope of bytes that came; undefined for what is none, which is counted.
   *
   * @param scope - of its seal
   */
  read(bytes: Buffer, subject: string, scope: string = subject): Envelope | undefined {
    const envelope = this.seal.decode(scope, bytes);
    if (typeof envelope !== 'string') return envelope;
    const first = bytes.toString('hex', 0, 16);
    const text =
      SEAL_FAULTS[envelope] ?? `${bytes.byteLength} bytes are not an envelope (${first})`;
    this.faults.add(envelope, subject, text);
    return undefined;
  }

  /** Counts and logs an envelope whose body is not valid. */
  reportFault({ node }: Envelope, subject: string, thrown: unknown): void {
    this.faults.add('body', subject, `a message of node ${node}: ${toError(thrown).message}`);
  }

  /** Hexadecimal digits that cannot be guessed. */
  randomText(size: number): string {
    return this.host.randomBytes(size).toString('hex');
  }

  private newId(): string {
    return this.randomText(NODE_ID_BYTES);
  }
}
