import { toBuffer } from '@headrace/core/authoring';
import {
  type DeliveryEnds,
  describeNumberedDelivery,
  type End,
} from '../../../core/test/fixture/numbered-delivery.ts';
import { decodeResumeFrame } from '../../src/protocol/resume-frame.ts';
import { ResumeMachine } from '../../src/protocol/resume-machine.ts';

const ITEM_BYTES = 4;
const BOUND = 15;
let made = 0;
const random = (count: number) => {
  made += 1;
  return new Uint8Array(count).fill(made);
};

class LastingStream implements DeliveryEnds {
  readonly taken: number[] = [];
  private readonly client = this.machine();
  private server = this.machine();
  private waiting: Buffer[] = [];
  private readonly inbox = { arrived: (payload: Buffer) => void this.waiting.push(payload) };

  constructor() {
    this.client.beginLink();
  }

  private machine(): ResumeMachine {
    return new ResumeMachine({ windowMs: 60_000, creditBytes: BOUND * (ITEM_BYTES + 64), random });
  }

  get kept(): number {
    return this.client.lastMessage - this.client.acknowledgedMessages;
  }

  offer(item: number): boolean {
    const payload = Buffer.alloc(ITEM_BYTES);
    payload.writeUInt32BE(item);
    return this.client.isOpened && this.client.addAll([payload]) === 1;
  }

  take(): void {
    const payload = this.waiting.shift();
    if (payload === undefined) return;
    this.taken.push(payload.readUInt32BE());
    this.server.taken(payload.length);
  }

  frames(from: End): unknown[] {
    const machine = from === 'sender' ? this.client : this.server;
    const frames: Buffer[] = [];
    for (let next = machine.nextFrame(); next !== undefined; next = machine.nextFrame()) {
      frames.push(Buffer.from(toBuffer(next)));
    }
    return frames;
  }

  arrived(at: End, bytes: unknown): void {
    const frame = bytes as Buffer;
    const action = at === 'sender' ? this.client.received(frame, this.inbox) : this.serve(frame);
    if (action?.do === 'fail') throw action.error;
  }

  private serve(bytes: Buffer) {
    if (this.server.isLinked) return this.server.received(bytes, this.inbox);
    const frame = decodeResumeFrame(bytes);
    if (frame.kind === 'resume') {
      this.waiting = [];
      return this.server.resume(bytes, frame);
    }
    // An OPENED that was lost leaves a channel behind that no client knows.
    this.server = this.machine();
    if (frame.kind === 'open') this.server.open(frame);
    return undefined;
  }

  reconnect(): void {
    this.server.loseLink();
    this.client.loseLink();
    this.client.beginLink();
  }

  askAgain(): void {
    this.server.acknowledgeNow();
  }
}

describeNumberedDelivery('a lasting channel', () => new LastingStream(), {
  faults: 'none',
  bound: BOUND,
});
