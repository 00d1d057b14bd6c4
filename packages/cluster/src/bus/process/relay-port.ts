import { Buffer } from 'node:buffer';
import { textOf } from '@headrace/core/authoring';
import type { LogEntry } from '../../log/log.ts';
import { sizeOf } from '../../log/memory-state.ts';
import { OpenedLimits } from '../../log/opened-limits.ts';
import type { StateEntry, StateLimits, StateWrite } from '../../log/state-log.ts';
import { type Relay, RelayBytes, type RelayMember } from '../relay/relay.ts';
import {
  ASK,
  CallBatch,
  CallReader,
  entryText,
  type RelayFrame,
  stateEntryText,
  TELL,
} from './relay-frame.ts';

/** Maximum size of messages that wait for one worker. Further messages are lost, and counted. */
export const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/** The connection to one worker's process. */
export interface WorkerWire {
  /** Sends a frame. Calls `left` when the frame has left this process, or never. */
  send(frame: RelayFrame, left: () => void): void;
  now(): number;
  /** Called when messages begin to be lost. */
  full(): void;
}

/** The process of one worker at the relay: its links, and the messages that wait for it. */
export class RelayPort {
  private readonly relay: Relay;
  private readonly wire: WorkerWire;
  private readonly links = new Map<number, RemoteLink>();
  private waitingBytes = 0;
  private lost = 0;
  private isFull = false;

  constructor(relay: Relay, wire: WorkerWire) {
    this.relay = relay;
    this.wire = wire;
  }

  /** The number of messages that were lost because the worker did not read them. */
  get dropped(): number {
    return this.lost;
  }

  /** The size of the calls that have not left this process yet. */
  get waiting(): number {
    return this.waitingBytes;
  }

  /** Carries out the calls of a worker's frame. */
  received({ headraceLink, calls }: RelayFrame): void {
    const reader = new CallReader(calls);
    try {
      while (!reader.isAtEnd) this.execute(headraceLink, reader.number(), reader);
    } catch {
      // A frame of another version: its calls are not carried out, and the bus of the worker does not come up.
    }
  }

  /** Called when the process is gone. Publishes the wills of its links. */
  close(): void {
    const links = [...this.links.values()];
    for (const { id } of links) this.leave(id);
    for (const { will } of links) {
      if (will !== undefined) this.relay.publish(will.subject, will.bytes);
    }
  }

  /** Returns false if the message has no room. The message is then lost. */
  admit(size: number): boolean {
    if (this.waitingBytes + size <= MAX_WAITING_BYTES) return true;
    this.lost += 1;
    if (!this.isFull) this.wire.full();
    this.isFull = true;
    return false;
  }

  /** Counts bytes that begin to wait. */
  wait(size: number): void {
    this.waitingBytes += size;
  }

  send(headraceLink: number, calls: readonly unknown[], size: number): void {
    this.wire.send({ headraceLink, calls }, () => {
      this.waitingBytes -= size;
      if (this.waitingBytes < MAX_WAITING_BYTES / 2) this.isFull = false;
    });
  }

  private execute(id: number, what: number, fields: CallReader): void {
    if (what === ASK.hello) {
      this.leave(id);
      const link = new RemoteLink(this, id);
      this.links.set(id, link);
      this.relay.join(link);
      link.tell(0, TELL.welcome);
      return;
    }
    const link = this.links.get(id);
    if (link === undefined) throw new Error('a link begins with hello');
    this.carryOutFor(link, what, fields);
  }

  private carryOutFor(link: RemoteLink, what: number, fields: CallReader): void {
    const { relay } = this;
    switch (what) {
      case ASK.publish:
        relay.publish(fields.text(), new RelayBytes(fields.text()));
        break;
      case ASK.subscribe:
        relay.subscribe(link, fields.text());
        break;
      case ASK.unsubscribe:
        relay.unsubscribe(link, fields.text());
        break;
      case ASK.will:
        link.will = { subject: fields.text(), bytes: new RelayBytes(fields.text()) };
        break;
      case ASK.bye:
        this.leave(link.id);
        break;
      case ASK.follow:
        relay.follow(link, fields.text());
        break;
      case ASK.followState:
        relay.followState(link, fields.text());
        break;
      case ASK.unfollow:
        relay.unfollow(link, fields.text());
        break;
      default:
        link.answer(fields.number(), this.question(link, what, fields));
        break;
    }
  }

  /** Returns the answer to a call as a function. All fields are read before the call is carried out. */
  private question(link: RemoteLink, what: number, fields: CallReader): () => unknown {
    const { relay, wire } = this;
    if (what === ASK.settled) return () => null;
    const name = fields.text();
    switch (what) {
      case ASK.receivers:
        return () => relay.receivers(name);
      case ASK.open: {
        const limits = { messages: fields.number(), ageMs: fields.number() };
        return () => relay.stream(name).limit(limits) ?? null;
      }
      case ASK.append: {
        const id = fields.text();
        const bytes = Buffer.from(fields.text(), 'base64');
        return () => relay.stream(name).append(id, bytes, wire.now());
      }
      case ASK.read: {
        const after = fields.number();
        const limit = fields.number();
        return () => {
          const page = relay.stream(name).read(after, limit, wire.now());
          return { ...page, entries: page.entries.map(entryText) };
        };
      }
      case ASK.openState: {
        const [keys, bytes, removals, removalAgeMs] = [0, 1, 2, 3].map(() => fields.number());
        const limits = {
          keys: keys!,
          bytes: bytes!,
          removals: removals!,
          removalAgeMs: removalAgeMs!,
        };
        return () => link.limits.open(name, limits) ?? null;
      }
      case ASK.change: {
        const id = fields.text();
        const write = stateWriteOf(fields);
        return () => {
          const answer = relay.state(name).append(id, write, link.limits.of(name), wire.now());
          if (!('conflict' in answer) || answer.conflict === null) return answer;
          return { conflict: stateEntryText(answer.conflict) };
        };
      }
      case ASK.readState: {
        const after = fields.number();
        const limit = fields.number();
        return () => {
          const page = relay.state(name).read(after, limit, link.limits.of(name), wire.now());
          return { ...page, entries: page.entries.map(stateEntryText) };
        };
      }
      default:
        throw new Error(`there is no call ${what}`);
    }
  }

  private leave(id: number): void {
    const link = this.links.get(id);
    if (link === undefined) return;
    this.relay.leave(link);
    this.links.delete(id);
  }
}

class RemoteLink implements RelayMember {
  readonly id: number;
  /** The limits of states. */
  readonly limits = new OpenedLimits<StateLimits>();
  will: { readonly subject: string; readonly bytes: RelayBytes } | undefined = undefined;
  private readonly port: RelayPort;
  private readonly batch: CallBatch;

  constructor(port: RelayPort, id: number) {
    this.port = port;
    this.id = id;
    this.batch = new CallBatch((calls, size) => port.send(id, calls, size));
  }

  received(subject: string, bytes: RelayBytes): void {
    const { text } = bytes;
    const length = subject.length + text.length;
    if (this.port.admit(length)) this.tell(length, TELL.message, subject, text);
  }

  appended(stream: string, entry: LogEntry): void {
    const text = entryText(entry);
    const length = stream.length + entry.id.length + text[4].length + 64;
    if (this.port.admit(length)) this.tell(length, TELL.entry, stream, text);
  }

  changed(stream: string, entry: StateEntry): void {
    const text = stateEntryText(entry);
    const length = stream.length + entry.id.length + entry.key.length + text[4].length + 80;
    if (this.port.admit(length)) this.tell(length, TELL.change, stream, text);
  }

  /** Answers with the result of the task, or with its error. */
  answer(request: number, task: () => unknown): void {
    try {
      const value = task();
      const length = typeof value === 'object' ? JSON.stringify(value).length : 8;
      this.tell(length, TELL.answer, request, value);
    } catch (thrown) {
      const text = textOf(thrown);
      this.tell(text.length, TELL.failed, request, text);
    }
  }

  /** Sends a call. Its bytes count as waiting first, because a batch can be sent within this call. */
  tell(length: number, ...fields: unknown[]): void {
    this.port.wait(CallBatch.sizeOf(length));
    this.batch.add(length, ...fields);
  }
}

function stateWriteOf(fields: CallReader): StateWrite {
  const key = fields.text();
  const bytes = Buffer.from(fields.text(), 'base64');
  const isRemoval = fields.number() === 1;
  const version = fields.number();
  const expected = version < 0 ? undefined : version;
  return { key, bytes, isRemoval, expected, byteLength: sizeOf({ key, bytes }) };
}
