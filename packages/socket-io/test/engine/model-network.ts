// A network in virtual time: requests and WebSockets with delays, which can be cut, or hang without a word.
import type { SeededRandom, VirtualClock } from '@headrace/core/testing';
import type { EnginePacket } from '../../src/engine/engine-packet.ts';
import type { EngineSession, Wire } from '../../src/engine/engine-session.ts';
import type { EngineFault, HttpAnswer } from '../../src/engine/http-answer.ts';

/** An answer: a payload, `ok`, the code of a refusal, or `undefined` for a connection that ended before it. */
export type Got = string | number | undefined;
/** A message on its way. Bytes are marked, because a payload has them as base64. */
export type Sent = string | Buffer;

export class ModelNetwork {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly requests: Set<ModelRequest> = new Set();
  readonly sockets: Set<ModelSocket> = new Set();

  constructor(clock: VirtualClock, random: SeededRandom) {
    this.clock = clock;
    this.random = random;
  }

  pick(below: number): number {
    return Math.floor(this.random.next() * below);
  }

  /** Most messages are fast, some are slower than those after them on other connections. */
  delay(): number {
    return this.pick(4) === 0 ? this.pick(80) : 1 + this.pick(5);
  }

  later(task: () => void, ms: number = this.delay()): void {
    this.clock.schedule(task, ms);
  }
}

/** A request and its answer, on a connection of their own. */
export class ModelRequest implements HttpAnswer {
  readonly kind: 'GET' | 'POST';
  private readonly network: ModelNetwork;
  private readonly done: (got: Got) => void;
  private state: 'on its way' | 'arrived' | 'answered' | 'over' = 'on its way';
  private isHung = false;
  private lost: () => void = () => {};

  constructor(
    network: ModelNetwork,
    kind: 'GET' | 'POST',
    arrived: (request: ModelRequest) => void,
    done: (got: Got) => void,
  ) {
    this.network = network;
    this.kind = kind;
    this.done = done;
    network.requests.add(this);
    network.later(() => {
      if (this.state !== 'on its way' || this.isHung) return;
      this.state = 'arrived';
      arrived(this);
    });
  }

  /** Whether the server has it, and has not answered. */
  get isWaiting(): boolean {
    return this.state === 'arrived';
  }

  sendPayload(payload: string): void {
    this.answer(payload);
  }

  confirm(): void {
    this.answer('ok');
  }

  refuse({ code }: EngineFault): void {
    this.answer(code);
  }

  onLost(listener: () => void): void {
    if (this.state === 'over') listener();
    else this.lost = listener;
  }

  private answer(got: Got): void {
    if (this.state !== 'arrived') return;
    this.state = 'answered';
    this.network.later(() => {
      if (!this.isHung) this.end(got);
    });
  }

  private end(got: Got): void {
    if (this.state === 'over') return;
    this.state = 'over';
    this.network.requests.delete(this);
    this.done(got);
  }

  /** The connection ends. Both ends hear of it, the server only before its answer. */
  cut(): void {
    const isUnanswered = this.state === 'arrived' && !this.isHung;
    if (this.state === 'over') return;
    this.state = 'over';
    this.network.requests.delete(this);
    this.network.later(() => this.done(undefined));
    if (isUnanswered) this.network.later(() => this.lost());
  }

  /** Nothing passes any more, and nobody hears of it. */
  hang(): void {
    this.isHung = true;
  }
}

/** A WebSocket: at the server a wire of a session, at the client a list of functions. */
export class ModelSocket implements Wire {
  readonly name = 'websocket';
  readonly unsentBytes = 0;
  readonly unacknowledgedBytes: undefined = undefined;
  readonly hasInput = false;
  session: EngineSession | undefined = undefined;
  isSending = false;
  received: (packet: Sent) => void = () => {};
  closed: () => void = () => {};
  private readonly network: ModelNetwork;
  private readonly held: Sent[] = [];
  private isHeld = false;
  private isEnded = false;
  private isOver = false;
  private isHung = false;
  /** Times at which the last packet arrives. */
  private readonly last = { client: 0, server: 0 };

  constructor(network: ModelNetwork) {
    this.network = network;
    network.sockets.add(this);
  }

  private pass(to: 'client' | 'server', task: () => void): void {
    const { clock } = this.network;
    this.last[to] = Math.max(this.last[to], clock.now() + this.network.delay());
    this.network.later(() => {
      if (!this.isOver && !this.isHung) task();
    }, this.last[to] - clock.now());
  }

  // --- the server ---

  get isReady(): boolean {
    return !this.isSending && !this.isEnded && !this.isOver;
  }

  flushSoon(): void {
    this.session?.flush();
  }

  send(packets: EnginePacket[]): void {
    for (const packet of packets) {
      const sent = packet instanceof Uint8Array ? Buffer.from(packet) : String(packet);
      this.pass('client', () => this.received(sent));
    }
    if (this.network.pick(3) > 0) return;
    this.isSending = true;
    this.network.later(() => {
      this.isSending = false;
      if (!this.isOver) this.session?.wireSent(this);
    });
  }

  hold(): void {
    this.isHeld = true;
  }

  release(): void {
    this.isHeld = false;
    this.network.clock.execute(() => this.deliver());
  }

  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.pass('client', () => this.over());
  }

  /** What has arrived before the end passes even while reads are held. */
  private deliver(): void {
    const { held } = this;
    while ((!this.isHeld || this.isOver) && held.length > 0) {
      this.session?.receive(this, held.shift()!);
    }
    this.session?.endBurst();
  }

  // --- the client ---

  says(packet: Sent): void {
    this.pass('server', () => {
      this.held.push(packet);
      this.deliver();
    });
  }

  leave(): void {
    this.pass('server', () => this.over());
  }

  // --- the network ---

  /** What is on its way is lost. Both ends hear of the end. */
  cut(): void {
    if (!this.isHung) this.over();
  }

  private over(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.network.sockets.delete(this);
    this.network.later(() => this.closed());
    this.network.later(() => {
      this.deliver();
      this.session?.wireLost(this, 'transport close');
    });
  }

  hang(): void {
    this.isHung = true;
  }
}
