import { Buffer } from 'node:buffer';
import { randomInt } from 'node:crypto';
import { onAbort, toBuffer } from '@headrace/core/authoring';
import type { BusHost } from '../bus/bus.ts';
import type { BusLink, BusLinkSink } from '../bus/bus-engine.ts';
import { CallReader } from '../relay/call-reader.ts';
import { ASK, asRelayFrame, CallBatch, type RelayFrame, TELL } from './relay-frame.ts';

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

/** What the link of a worker gives access to, kind `worker`: services of the process of the relay, by name. */
export interface WorkerAccess {
  /**
   * Resolves with the answer of a service, as JSON carries it.
   *
   * @param length - the length of the texts among the fields
   */
  request(service: string, length: number, ...fields: unknown[]): Promise<unknown>;
  /** Calls a service without waiting for an answer. */
  call(service: string, length: number, ...fields: unknown[]): void;
  /** Sets the function that receives what a service sends without being asked. */
  listen(service: string, listener: (fields: CallReader) => void): void;
}

/** A link of a worker to the relay in its primary. */
export class WorkerLink implements BusLink {
  readonly access: WorkerAccess = {
    request: (service, length, ...fields) =>
      this.request(service.length + length, ASK.serve, service, fields),
    call: (service, length, ...fields) =>
      this.ask(service.length + length, ASK.serve, 0, service, fields),
    listen: (service, listener) => void this.services.set(service, listener),
  };
  private readonly id: number;
  private readonly wire: PrimaryWire;
  private readonly sink: BusLinkSink;
  private readonly batch: CallBatch;
  private readonly requests = new Map<number, Request>();
  private readonly services = new Map<string, (fields: CallReader) => void>();
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

  setWill(subject: string, bytes: Uint8Array): void {
    const data = toBuffer(bytes).toString('base64');
    this.ask(subject.length + data.length, ASK.will, subject, data);
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
      case TELL.served: {
        const service = this.services.get(fields.text());
        const own = new CallReader(fields.list());
        service?.(own);
        break;
      }
      default:
        throw new Error(`there is no call ${what}`);
    }
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
    this.services.clear();
  }
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
