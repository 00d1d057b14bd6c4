import type { Buffer } from 'node:buffer';
import type { Bus, BusHost, BusSubscription, PublishOutcome } from '@headrace/bus';
import { AgingMap } from '@headrace/bus/authoring';
import { toError } from '@headrace/core/authoring';
import { type Body, encodeBody } from '../envelope/body.ts';
import { type Envelope, KIND, type Kind, MAX_BODY_BYTES } from '../envelope/envelope.ts';
import { type EnvelopeSeal, MAX_OVERHEAD_BYTES } from '../envelope/envelope-seal.ts';
import { FaultCounts } from './fault-counts.ts';
import { FreshMessages, timeAfter } from './fresh-messages.ts';
import type { Subjects } from './subject.ts';

/** The process of a node, as the parts of the node use it. */
export interface NodeHost extends Omit<BusHost, 'probe'> {
  readonly randomBytes: (size: number) => Buffer;
}

/** Called for each envelope on a subject. An error that it throws counts as a fault of the sender. */
export type EnvelopeListener = (envelope: Envelope, subject: string) => void;

const NODE_ID_BYTES = 16;
/** The time in which other nodes can ask for messages of a line that they missed. */
const ENDED_MS = 60_000;
const MAX_ENDED = 10_000;
const SEAL_FAULTS: Readonly<Record<string, string>> = {
  unsealed: 'a message of a node without keys',
  sealed: 'a message of a node with keys, and this one has none: see keys of Cluster.join',
  forged: 'a message that no key of this node made',
};

/**
 * Connects one node to the bus. Sends envelopes with the id and numbers of the node, and receives the envelopes of other nodes.
 */
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
  private highestEnded = 0;
  private readonly renamed = new Set<() => void>();
  private readonly fresh = new FreshMessages();
  /** The time of the last message, see {@link timeAfter}. */
  private lastTime = 0;

  constructor(host: NodeHost, bus: Bus, subjects: Subjects, seal: EnvelopeSeal) {
    this.host = host;
    this.bus = bus;
    this.subjects = subjects;
    this.seal = seal;
    this.faults = new FaultCounts(host.logger);
    this.id = this.newId();
  }

  /** The id of this node: 32 hexadecimal digits. A node has a new id at each start. */
  get nodeId(): string {
    return this.id;
  }

  /** Gives this node a new id because another node has the same id. All numbers start again. */
  rename(): void {
    this.id = this.newId();
    this.numbers.clear();
    this.ended = new AgingMap(ENDED_MS, MAX_ENDED);
    this.highestEnded = 0;
    for (const listener of this.renamed) listener();
  }

  /** Maximum size of a body, in bytes. The engine of the bus can accept less than an envelope may have. */
  get maxBodyBytes(): number {
    return Math.min(MAX_BODY_BYTES, (this.bus.maxBytes ?? MAX_BODY_BYTES) - MAX_OVERHEAD_BYTES);
  }

  onRenamed(listener: () => void): void {
    this.renamed.add(listener);
  }

  /**
   * @param line - the name of the number line, for subjects that share their numbers
   * @throws EncodeError `MESSAGE_TOO_LONG`
   */
  send(subject: string, kind: Kind, body: Body, flags = 0, line: string = subject): PublishOutcome {
    const number = (this.numbers.get(line) ?? 0) + 1;
    const { bodyType, body: bytes } = body;
    const envelope = { kind, bodyType, flags, node: this.id, number, body: bytes };
    this.lastTime = timeAfter(this.lastTime, this.host.clock.timeOfDay());
    const sealed = this.seal.encode(subject, envelope, this.lastTime);
    this.numbers.set(line, number);
    return this.bus.publish(subject, sealed);
  }

  sendJson(subject: string, kind: Kind, value: object, flags = 0): PublishOutcome {
    return this.send(subject, kind, encodeBody(value), flags);
  }

  /**
   * Sends a value like {@link sendJson} when this process has ended without closing the bus. Receivers ignore its number and
   * time, because the value is valid at any time.
   */
  setWill(subject: string, kind: Kind, value: object): void {
    const { bodyType, body } = encodeBody(value);
    const envelope = { kind, bodyType, flags: 0, node: this.id, number: 1, body };
    this.bus.setWill?.(subject, this.seal.encode(subject, envelope, 0));
  }

  /** Returns the number of the last envelope on a line, or 0 before the first. */
  lastNumber(line: string): number {
    return this.numbers.get(line) ?? 0;
  }

  forget(line: string): void {
    this.numbers.delete(line);
  }

  /** Ends a line that may begin again. Its number is kept for a while, so that the line can continue. */
  end(line: string): void {
    const number = this.numbers.get(line);
    if (number === undefined) return;
    this.numbers.delete(line);
    this.highestEnded = Math.max(this.highestEnded, number);
    this.ended.set(line, number, this.host.clock.now());
  }

  /**
   * Begins or continues a line. Returns false if the number of the line is not known any more. Then the line begins above all
   * ended lines, and its first envelope needs the flag `BEGINS`.
   */
  begin(line: string): boolean {
    if (this.numbers.has(line)) return true;
    const number = this.ended.get(line);
    this.ended.delete(line);
    if (number === undefined && this.highestEnded === 0) return true;
    this.numbers.set(line, number ?? this.highestEnded);
    return number !== undefined;
  }

  /** Calls the listener with the envelopes of other nodes. */
  listen(subject: string, listener: EnvelopeListener): BusSubscription {
    return this.subscribe(subject, (envelope) => {
      if (envelope.node !== this.id && this.isFresh(envelope, subject)) listener(envelope, subject);
    });
  }

  /** Calls the listener with the envelopes of all nodes, including this node's id and wills. */
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

  /** Encodes a message for the log. @param scope - the scope of the seal: the stream and the id */
  encode(scope: string, number: number, { bodyType, body }: Body): Buffer {
    const kind = KIND.broadcast;
    const envelope = { kind, bodyType, flags: 0, node: this.id, number, body };
    return this.seal.encode(scope, envelope, 0);
  }

  /**
   * Decodes an envelope. Returns undefined for bytes that are not an envelope, and counts them.
   *
   * @param scope - the scope of the seal
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

  /** Returns hexadecimal digits that cannot be guessed. */
  randomText(size: number): string {
    return this.host.randomBytes(size).toString('hex');
  }

  private newId(): string {
    return this.randomText(NODE_ID_BYTES);
  }
}
