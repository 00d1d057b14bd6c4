import { Buffer } from 'node:buffer';
import type { BusHost, BusLink, BusLinkSink, EngineBusOptions } from '@headrace/bus';
import { type Bus, type BusEngine, EngineBus } from '@headrace/bus';
import { lengthPrefixed } from '@headrace/codec';
import { Bootstrap, type Channel, type Context } from '@headrace/core';
import type { SimulatedHost } from '@headrace/simulation';
import { provideStores } from '@headrace/store';
import { decodeFrame, encodeFrame, OP } from './broker-frame.ts';
import { BrokerLogLink, type LogFault } from './broker-log.ts';
import { BrokerStateLink } from './broker-state.ts';
import { BROKER_PORT, MAX_FRAME } from './simulated-broker.ts';

/** Answers of a log or a state begin with the number of their question. */
const ANSWERS: ReadonlySet<number> = new Set([OP.append, OP.read, OP.change, OP.readState]);

/** A bus over the broker on the simulated machine `bus`. */
export function simulatedBus(
  host: SimulatedHost,
  options?: EngineBusOptions,
  fault?: LogFault,
): Bus {
  const bus = new EngineBus(new SimulatedEngine(host, fault), options);
  provideStores(bus, {
    openLog: (link) => (link as SimulatedLink).log,
    openStates: (link) => (link as SimulatedLink).stateLog,
  });
  return bus;
}

class SimulatedEngine implements BusEngine {
  readonly name = 'simulated://bus';
  private readonly host: SimulatedHost;
  private readonly fault: LogFault | undefined;

  constructor(host: SimulatedHost, fault: LogFault | undefined) {
    this.host = host;
    this.fault = fault;
  }

  async connect(sink: BusLinkSink, _host: BusHost, signal: AbortSignal): Promise<BusLink> {
    const { host } = this;
    const link = new SimulatedLink(sink, this.fault);
    link.channel = await new Bootstrap()
      .options({ ...host.options, maxOutboundBytes: 64 * 1024 * 1024 })
      .handler(({ pipeline }) =>
        pipeline.addLast(...lengthPrefixed({ maxFrameLength: MAX_FRAME }), {
          channelRead: (_ctx: Context, frame: Buffer) => link.received(frame),
          channelInactive: () => link.ended(),
        }),
      )
      .connect({ network: host, host: 'bus', port: BROKER_PORT }, { signal });
    return link;
  }
}

class SimulatedLink implements BusLink {
  channel!: Channel;
  readonly log: BrokerLogLink;
  readonly stateLog: BrokerStateLink;
  private readonly sink: BusLinkSink;
  private readonly waiting = new Map<string, ((bytes: Buffer) => void)[]>();
  private readonly failures = new Set<(error: Error) => void>();
  private asked = 0;

  constructor(sink: BusLinkSink, fault: LogFault | undefined) {
    this.sink = sink;
    const ask = (op: number, stream: string, question: Buffer) => this.askLog(op, stream, question);
    const send = (op: number, subject: string) => this.send(op, subject);
    this.log = new BrokerLogLink(ask, send, fault);
    this.stateLog = new BrokerStateLink(ask, send, fault);
  }

  publish(subject: string, bytes: Uint8Array): void {
    this.send(OP.publish, subject, bytes);
  }

  subscribe(subject: string): void {
    this.send(OP.subscribe, subject);
  }

  unsubscribe(subject: string): void {
    this.send(OP.unsubscribe, subject);
  }

  async settled(): Promise<void> {
    this.asked += 1;
    await this.ask(OP.ping, `ping ${this.asked}`);
  }

  async receivers(subject: string): Promise<number> {
    return (await this.ask(OP.count, subject))[0]!;
  }

  async close(flush: boolean): Promise<void> {
    if (flush) await this.channel.end();
    else await this.channel.close();
  }

  received(frame: Buffer): void {
    const { op, subject, bytes } = decodeFrame(frame);
    if (op === OP.publish) this.sink.received(subject, bytes);
    else if (op === OP.live) this.log.received(subject, bytes);
    else if (op === OP.changed) this.stateLog.received(subject, bytes);
    else if (ANSWERS.has(op)) {
      this.answered(`${op} ${bytes.readUInt32BE(0)}`, bytes.subarray(4));
    } else this.answered(`${op} ${subject}`, bytes);
  }

  ended(): void {
    for (const fail of this.failures) fail(new Error('the link has ended'));
    this.sink.lost(this.channel?.closeInfo?.error);
  }

  private ask(op: number, subject: string): Promise<Buffer> {
    return this.expect(`${op} ${subject}`, () => this.send(op, subject));
  }

  private askLog(op: number, stream: string, question: Buffer): Promise<Buffer> {
    this.asked += 1;
    const number = Buffer.alloc(4);
    number.writeUInt32BE(this.asked);
    const bytes = Buffer.concat([number, question]);
    return this.expect(`${op} ${this.asked}`, () => this.send(op, stream, bytes));
  }

  private answered(answer: string, bytes: Buffer): void {
    const waiting = this.waiting.get(answer);
    waiting?.shift()?.(bytes);
    if (waiting?.length === 0) this.waiting.delete(answer);
  }

  private expect(answer: string, ask: () => void): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.failures.add(reject);
      const waiting = this.waiting.get(answer) ?? [];
      this.waiting.set(answer, waiting);
      waiting.push((bytes) => {
        this.failures.delete(reject);
        resolve(bytes);
      });
      ask();
    });
  }

  private send(op: number, subject: string, bytes?: Uint8Array): void {
    this.channel.writeAndFlush(encodeFrame(op, subject, bytes)).onSettled(() => {});
  }
}
