import { textOf } from '@headrace/core/authoring';
import { CallReader } from '../relay/call-reader.ts';
import {
  type Relay,
  RelayBytes,
  type RelayMember,
  type ServedLink,
  type ServiceLink,
} from '../relay/relay.ts';
import { ASK, CallBatch, type RelayFrame, TELL } from './relay-frame.ts';

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

  now(): number {
    return this.wire.now();
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
    this.executeFor(link, what, fields);
  }

  private executeFor(link: RemoteLink, what: number, fields: CallReader): void {
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
      case ASK.settled:
        link.answer(fields.number(), () => null);
        break;
      case ASK.receivers: {
        const request = fields.number();
        const subject = fields.text();
        link.answer(request, () => relay.receivers(subject));
        break;
      }
      case ASK.serve: {
        const request = fields.number();
        const service = fields.text();
        const reader = new CallReader(fields.list());
        link.answer(request, () => link.serviceOf(service, relay).call(reader)());
        break;
      }
      default:
        throw new Error(`there is no call ${what}`);
    }
  }

  private leave(id: number): void {
    const link = this.links.get(id);
    if (link === undefined) return;
    this.relay.leave(link);
    link.close();
    this.links.delete(id);
  }
}

class RemoteLink implements RelayMember {
  readonly id: number;
  will: { readonly subject: string; readonly bytes: RelayBytes } | undefined = undefined;
  private readonly port: RelayPort;
  private readonly batch: CallBatch;
  private readonly services = new Map<string, ServedLink>();

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

  /** @throws Error for a service that this process does not have */
  serviceOf(name: string, relay: Relay): ServedLink {
    const known = this.services.get(name);
    if (known !== undefined) return known;
    const service = relay.services.get(name);
    if (service === undefined) {
      const cure = 'call runWorkers() or processBus() of @headrace/workers there';
      throw new Error(`the primary process serves no ${name}: ${cure}`);
    }
    const link: ServiceLink = {
      relay,
      now: () => this.port.now(),
      tell: (length, ...fields) => {
        if (this.port.admit(length)) this.tell(length, TELL.served, name, fields);
      },
    };
    const served = service.connect(link);
    this.services.set(name, served);
    return served;
  }

  close(): void {
    for (const served of this.services.values()) served.close();
    this.services.clear();
  }

  /** Answers with the result of the task, or with its error. A call with the request 0 needs no answer. */
  answer(request: number, task: () => unknown): void {
    try {
      const value = task() ?? null;
      if (request === 0) return;
      const length = typeof value === 'object' ? JSON.stringify(value).length : 8;
      this.tell(length, TELL.answer, request, value);
    } catch (thrown) {
      const text = textOf(thrown);
      if (request !== 0) this.tell(text.length, TELL.failed, request, text);
    }
  }

  /** Sends a call. Its bytes count as waiting first, because a batch can be sent within this call. */
  tell(length: number, ...fields: unknown[]): void {
    this.port.wait(CallBatch.sizeOf(length));
    this.batch.add(length, ...fields);
  }
}
