import type { OutboundBytes } from '@headrace/core';
import { toBuffer } from '@headrace/core/authoring';
import { randomFrom } from '../../../core/test/fixture/random.ts';
import { decodeResumeFrame } from '../../src/protocol/resume-frame.ts';
import {
  type MessageReceiver,
  ResumeMachine,
  type ResumeMachineOptions,
} from '../../src/protocol/resume-machine.ts';

type MachineClass = new (options: ResumeMachineOptions) => ResumeMachine;

/** One direction of a link: bytes, cut anywhere. */
class Wire {
  private bytes: Buffer = Buffer.alloc(0);
  private readonly parsed: Buffer[] = [];
  private begun: Buffer = Buffer.alloc(0);

  get length(): number {
    return this.bytes.length;
  }

  write(frame: OutboundBytes): void {
    const bytes = toBuffer(frame);
    const head = Buffer.alloc(2);
    head.writeUInt16BE(bytes.length);
    this.bytes = Buffer.concat([this.bytes, head, bytes]);
  }

  /** So many bytes arrive; returns the frames that are whole now. */
  carry(count: number): Buffer[] {
    this.begun = Buffer.concat([this.begun, this.bytes.subarray(0, count)]);
    this.bytes = this.bytes.subarray(count);
    this.parsed.length = 0;
    while (this.begun.length >= 2) {
      const end = 2 + this.begun.readUInt16BE(0);
      if (this.begun.length < end) break;
      this.parsed.push(Buffer.from(this.begun.subarray(2, end)));
      this.begun = this.begun.subarray(end);
    }
    return [...this.parsed];
  }
}

class Link {
  readonly up = new Wire();
  readonly down = new Wire();
}

/** One end: a machine, a pipeline that takes messages when it likes, and what it has taken. */
class End implements MessageReceiver {
  readonly machine: ResumeMachine;
  readonly taken: number[] = [];
  written = 0;
  link: Link | undefined = undefined;
  private inbox: Buffer[] = [];

  constructor(machine: ResumeMachine) {
    this.machine = machine;
  }

  begin(link: Link): void {
    this.inbox = [];
    this.link = link;
  }

  lose(): void {
    if (this.link === undefined) return;
    this.link = undefined;
    this.machine.loseLink();
  }

  write(random: () => number): void {
    const payload = Buffer.alloc(4 + Math.floor(random() * 40));
    payload.writeUInt32BE(this.written);
    this.written += this.machine.addAll([payload]);
  }

  /** Returns what went wrong. */
  read(frame: Buffer): string | undefined {
    const action = this.machine.received(frame, this);
    if (action?.do === 'fail') return action.error.message;
    return action?.do === 'gone' ? 'GONE' : undefined;
  }

  arrived(payload: Buffer): void {
    this.inbox.push(payload);
  }

  take(): void {
    const payload = this.inbox.shift();
    if (payload === undefined) return;
    this.taken.push(payload.readUInt32BE(0));
    this.machine.taken(payload.length);
  }
}

/** What became of a run: how often the channel was resumed, and what went wrong, if something did. */
export interface Outcome {
  readonly resumptions: number;
  readonly messages: number;
  readonly wrong: string | undefined;
}

/** Runs two ends over links that die at any byte, then lets everything arrive. */
export function runOverLossyLinks(
  seed: number,
  steps: number,
  Machine: MachineClass = ResumeMachine,
): Outcome {
  return new Run(seed, Machine).go(steps);
}

class Run {
  private readonly random: () => number;
  private readonly client: End;
  private readonly server: End;
  private current: Link | undefined = undefined;
  private resumptions = 0;
  private wrong: string | undefined = undefined;

  constructor(seed: number, Machine: MachineClass) {
    this.random = randomFrom(seed);
    const bytes = (count: number) =>
      Uint8Array.from({ length: count }, () => Math.floor(this.random() * 256));
    const creditBytes = this.random() < 0.5 ? 2048 : 100_000;
    const options = { windowMs: 60_000, creditBytes, random: bytes };
    this.client = new End(new Machine(options));
    this.server = new End(new Machine(options));
  }

  go(steps: number): Outcome {
    for (let step = 0; step < steps && this.wrong === undefined; step++) this.step();
    this.settle();
    const messages = this.client.written + this.server.written;
    this.wrong ??= this.compare('up', this.client, this.server);
    this.wrong ??= this.compare('down', this.server, this.client);
    return { resumptions: this.resumptions, messages, wrong: this.wrong };
  }

  private step(): void {
    const { client, server, random } = this;
    const dice = random();
    const [one, other] = random() < 0.5 ? [client, server] : [server, client];
    if (dice < 0.25) one.write(random);
    else if (dice < 0.45) this.pump(one);
    else if (dice < 0.75) this.carry(other, Math.floor(random() * 120));
    else if (dice < 0.92) one.take();
    else if (dice < 0.94) one.machine.acknowledgeNow();
    else if (dice < 0.96) server.lose();
    else if (dice < 0.98) client.lose();
    else this.connect();
    if (client.link === undefined && random() < 0.2) this.connect();
  }

  /** The server may still believe in the link before. */
  private connect(): void {
    this.client.lose();
    this.current = new Link();
    this.client.begin(this.current);
    this.client.machine.beginLink();
  }

  private pump(end: End): void {
    const { link } = end;
    if (link === undefined) return;
    const wire = end === this.client ? link.up : link.down;
    for (let frames = 1 + Math.floor(this.random() * 5); frames > 0; frames--) {
      const frame = end.machine.nextFrame();
      if (frame === undefined) return;
      wire.write(frame);
    }
  }

  private carry(to: End, count: number): void {
    const { current } = this;
    if (current === undefined) return;
    if (to === this.client) {
      if (to.link !== current) return;
      for (const frame of current.down.carry(count)) this.wrong ??= to.read(frame);
      return;
    }
    for (const frame of current.up.carry(count)) this.toServer(current, frame);
  }

  private toServer(link: Link, bytes: Buffer): void {
    const { server } = this;
    if (server.link === link) {
      this.wrong ??= server.read(bytes);
      return;
    }
    const frame = decodeResumeFrame(bytes);
    if (frame.kind === 'open') {
      // An OPENED that was lost leaves a channel behind that nobody knows of.
      if (server.machine.isOpened) Object.assign(this, { server: new End(fresh(server.machine)) });
      this.server.begin(link);
      this.server.machine.open(frame);
    } else if (frame.kind === 'resume') this.resume(link, bytes, frame);
  }

  private resume(
    link: Link,
    bytes: Buffer,
    frame: { readonly id: string; readonly secret: string; readonly received: number },
  ): void {
    const { server } = this;
    if (frame.id !== server.machine.id || !server.machine.knows(frame.secret)) {
      this.wrong ??= 'a client that should have been known was refused';
      return;
    }
    server.begin(link);
    const action = server.machine.resume(bytes, frame);
    if (action.do === 'resumed') this.resumptions += 1;
    else this.wrong ??= `RESUME led to ${action.do}`;
  }

  /** A good link, for as long as anything moves. */
  private settle(): void {
    for (let round = 0; round < 2000 && this.wrong === undefined; round++) {
      if (round === 0) this.connect();
      this.pump(this.client);
      this.carry(this.server, 1 << 20);
      this.pump(this.server);
      this.carry(this.client, 1 << 20);
      for (const end of [this.client, this.server]) {
        for (let i = 0; i < 20; i++) end.take();
        end.machine.acknowledgeNow();
      }
      if (this.isQuiet) return;
    }
    this.wrong ??= 'it does not come to rest';
  }

  private get isQuiet(): boolean {
    const { client, server } = this;
    return (
      client.machine.isLinked && client.machine.keptBytes === 0 && server.machine.keptBytes === 0
    );
  }

  private compare(way: string, from: End, to: End): string | undefined {
    if (to.taken.length !== from.written) {
      return `${way}: ${from.written} messages were written, ${to.taken.length} arrived`;
    }
    const at = to.taken.findIndex((number, index) => number !== index);
    return at < 0 ? undefined : `${way}: message ${to.taken[at]} arrived in place of ${at}`;
  }
}

function fresh(machine: ResumeMachine): ResumeMachine {
  const Machine = machine.constructor as MachineClass;
  const { windowMs, creditBytes, random } = machine as unknown as ResumeMachineOptions;
  return new Machine({ windowMs, creditBytes, random });
}
