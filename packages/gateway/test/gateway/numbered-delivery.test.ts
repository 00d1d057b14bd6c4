import { BODY } from '@headrace/cluster/authoring';
import { expect, it } from 'vitest';
import {
  type DeliveryEnds,
  describeNumberedDelivery,
  type End,
} from '../../../core/test/fixture/numbered-delivery.ts';
import {
  decodeConfirmations,
  decodeFrame,
  encodeConfirmations,
  encodeFrame,
  FLAG,
  frameOf,
  type GatewayFrame,
  OP,
  TELL_EVERY_MS,
} from '../../src/gateway/gateway-frame.ts';
import { GatewayLink, type LinkAction } from '../../src/gateway/gateway-link.ts';
import { GatewaySession, type SessionAnswer } from '../../src/gateway/gateway-session.ts';
import { WorkerConnection } from '../../src/gateway/worker-connection.ts';

const BOUND = 8;
const RULES = {
  isAcknowledged: true,
  maxUnanswered: BOUND,
  maxUnansweredBytes: 1024,
  syncMs: 100,
  handoverMs: 1e9,
  readsWhenDown: false,
  maxDeliveries: 3,
};

/** A connection of a gateway, and its worker, which stays the same. */
class GatewayStream implements DeliveryEnds {
  readonly taken: number[] = [];
  private readonly link = new GatewayLink(1, RULES, Buffer.from('{}'), true);
  private session: GatewaySession | undefined = undefined;
  private now = 0;
  private toWorker: GatewayFrame[] = [];
  private toGateway: GatewayFrame[] = [];

  constructor() {
    this.execute(this.link.assign('worker', 0));
  }

  get kept(): number {
    return this.link.unanswered;
  }

  offer(item: number): boolean {
    if (this.link.mustHold) return false;
    this.execute(this.link.message(BODY.text, Buffer.from(String(item))));
    return true;
  }

  take(): void {
    const job = this.session?.jobs.shift();
    if (job === undefined) return;
    if (job.what === 'message') this.taken.push(Number(job.body));
    this.session!.finished(job);
    this.acknowledge({ flags: 0, echo: 0 });
  }

  frames(from: End): unknown[] {
    const frames = from === 'sender' ? this.toWorker : this.toGateway;
    return frames.splice(0);
  }

  arrived(at: End, one: unknown): void {
    const frame = one as GatewayFrame;
    if (at === 'sender') this.execute(this.link.received('worker', frame, this.now));
    else {
      if (frame.op === OP.open) this.session ??= new GatewaySession('gateway', frame);
      this.acknowledge(this.session?.take(frame));
    }
  }

  reconnect(): void {
    this.execute(this.link.busChanged(false));
    this.execute(this.link.busChanged(true));
  }

  askAgain(): void {
    this.now += RULES.syncMs;
    this.execute(this.link.tick(this.now));
  }

  private acknowledge(answer: SessionAnswer): void {
    if (answer === undefined) return;
    const { handled: number, received } = this.session!;
    this.toGateway.push(
      frameOf({ op: OP.ack, connection: 1, epoch: 1, ...answer, number, received }),
    );
  }

  private execute(actions: readonly LinkAction[]): void {
    for (const action of actions) {
      if (action.do === 'send') this.toWorker.push(action.frame);
      else throw new Error(`an action ${action.do}`);
    }
  }
}

describeNumberedDelivery('a connection of a gateway', () => new GatewayStream(), {
  faults: 'lost',
  bound: BOUND,
});

/** The writes of a worker, and their gateway. */
class AnswerStream implements DeliveryEnds {
  readonly taken: number[] = [];
  private readonly link = new GatewayLink(1, RULES, Buffer.from('{}'), true);
  private readonly connection: WorkerConnection<string>;
  private readonly session: GatewaySession;
  private now = 0;
  private toWorker: Buffer[] = [];
  private toGateway: Buffer[] = [];

  constructor() {
    const [open] = this.link.assign('worker', 0);
    const { frame } = open as LinkAction & { readonly do: 'send' };
    const host = {
      codec: undefined,
      maxBodyBytes: () => undefined,
      // A number of up to three digits takes 87 to 89 bytes.
      maxUnconfirmedBytes: BOUND * 89,
      reaches: () => true,
      send: (_to: string, bytes: Buffer) => {
        this.toGateway.push(bytes);
        return 'sent' as const;
      },
      unconfirmed: () => {},
      refused: () => {},
      attributesChanged: () => {},
    };
    this.session = new GatewaySession('gateway', frame);
    this.connection = new WorkerConnection<string>(host, this.session, {}, 1);
    this.connection.acknowledge(FLAG.answer, 0);
  }

  get kept(): number {
    return this.session.answers!.count;
  }

  offer(item: number): boolean {
    return this.connection.write(String(item)) !== 'dropped';
  }

  take(): void {}

  frames(from: End): unknown[] {
    return (from === 'sender' ? this.toGateway : this.toWorker).splice(0);
  }

  arrived(at: End, one: unknown): void {
    const frame = decodeFrame(one as Buffer)!;
    if (at === 'receiver') this.execute(this.link.received('worker', frame, this.now));
    else if (frame.op !== OP.confirm) this.connection.acknowledge(FLAG.answer, frame.number);
    else for (const has of decodeConfirmations(frame.body)) this.connection.confirmed(has);
  }

  reconnect(): void {
    this.execute(this.link.busChanged(false));
    this.execute(this.link.busChanged(true));
    this.connection.acknowledge(0, 0);
  }

  askAgain(): void {
    this.now += TELL_EVERY_MS;
    this.execute(this.link.tick(this.now));
    if (!this.connection.isConfirmed) this.connection.acknowledge(0, 0);
  }

  private execute(actions: readonly LinkAction[]): void {
    for (const action of actions) {
      if (action.do === 'write') this.taken.push(Number(action.body));
      else if (action.do === 'send') this.toWorker.push(encodeFrame(action.frame));
      else if (action.do === 'confirm')
        this.toWorker.push(...encodeConfirmations([this.link.confirmation()!.has]));
      else throw new Error(`an action ${action.do}`);
    }
  }
}

describeNumberedDelivery('the answers of a worker', () => new AnswerStream(), {
  faults: 'lost',
  bound: BOUND,
});

it('takes no more as confirmed than was sent', () => {
  const stream = new AnswerStream();
  stream.offer(0);
  const has = { connection: 1, epoch: 1, number: 99, attributes: 1, isGap: false };
  stream.arrived('sender', encodeConfirmations([has])[0]);
  stream.frames('sender');
  stream.offer(1);
  expect([stream.kept, stream.frames('sender').length]).toEqual([1, 1]);
});

it('takes no more as acknowledged than was sent', () => {
  const link = new GatewayLink(1, RULES, Buffer.from('{}'), true);
  link.assign('worker', 0);
  const ack = (number: number) =>
    link.received('worker', frameOf({ op: OP.ack, connection: 1, epoch: 1, number }), 0);
  ack(0);
  link.message(BODY.text, Buffer.from('a'));
  ack(99);
  expect(link.unanswered).toBe(0);
  const sent = { do: 'send', frame: { op: OP.message, number: 2 } };
  expect(link.message(BODY.text, Buffer.from('b'))).toMatchObject([sent]);
});

for (const [wait, begin] of [
  ['while their worker gives them back', (link: GatewayLink) => link.workerLeaves(0)],
  ['while the bus is down', (link: GatewayLink) => link.busChanged(false)],
] as const) {
  it(`takes messages as acknowledged that are to be sent again, ${wait}`, () => {
    const link = new GatewayLink(1, RULES, Buffer.from('{}'), true);
    link.assign('worker', 0);
    const ack = (number: number, rest: Partial<GatewayFrame> = {}) =>
      link.received('worker', frameOf({ op: OP.ack, connection: 1, epoch: 1, number, ...rest }), 0);
    ack(0);
    for (const text of ['a', 'b', 'c']) link.message(BODY.text, Buffer.from(text));
    begin(link);
    // The answer to an earlier question, which the messages had not reached.
    ack(0, { flags: FLAG.answer, received: 0, echo: 3 });
    ack(2, { received: 2 });
    expect(link.unanswered).toBe(1);
    ack(2, { flags: FLAG.givenBack, received: 2 });
    link.busChanged(true);
    link.assign('other', 0);
    const opened = frameOf({ op: OP.ack, connection: 1, epoch: 2, number: 2, flags: FLAG.answer });
    const sent = { do: 'send', to: 'other', frame: { op: OP.message, number: 3, flags: 0 } };
    expect(link.received('other', opened, 0)).toMatchObject([sent]);
  });
}
