import { toBuffer } from '@headrace/core/authoring';
import { type CreditEnds, describeCreditWindow } from '../../../core/test/fixture/credit-window.ts';
import type { End } from '../../../core/test/fixture/numbered-delivery.ts';
import { decodeResumeFrame, FRAME_KIND } from '../../src/protocol/resume-frame.ts';
import { ResumeMachine } from '../../src/protocol/resume-machine.ts';

const WINDOW = 4096;
let made = 0;
const options = {
  windowMs: 60_000,
  creditBytes: WINDOW,
  random: (count: number) => {
    made += 1;
    return new Uint8Array(count).fill(made);
  },
};

/** The messages of a client to its server. */
class LastingEnds implements CreditEnds {
  taken = 0;
  private readonly client = new ResumeMachine(options);
  private readonly server = new ResumeMachine(options);
  private readonly unsent: number[] = [];
  private readonly arrivals: number[] = [];
  private readonly inbox = { arrived: ({ length }: Buffer) => void this.arrivals.push(length) };

  constructor() {
    this.client.beginLink();
    const [open] = this.frames('sender');
    this.server.open(decodeResumeFrame(open as Buffer) as never);
    const [opened] = this.frames('receiver');
    this.arrived('sender', opened);
  }

  get waiting(): number {
    return this.arrivals.reduce((sum, bytes) => sum + bytes, 0);
  }

  send(bytes: number): void {
    this.unsent.push(bytes);
  }

  take(): void {
    const bytes = this.arrivals.shift();
    if (bytes === undefined) return;
    this.taken += bytes;
    this.server.taken(bytes);
  }

  frames(from: End): unknown[] {
    const machine = from === 'sender' ? this.client : this.server;
    const { unsent } = this;
    while (from === 'sender' && unsent.length > 0) {
      if (machine.addAll([Buffer.alloc(unsent[0]!)]) === 0) break;
      unsent.shift();
    }
    const frames: Buffer[] = [];
    for (let next = machine.nextFrame(); next !== undefined; next = machine.nextFrame()) {
      frames.push(Buffer.from(toBuffer(next)));
    }
    return frames;
  }

  arrived(at: End, frame: unknown): boolean {
    const machine = at === 'sender' ? this.client : this.server;
    return machine.received(frame as Buffer, this.inbox)?.do !== 'fail';
  }

  force(bytes: number): boolean {
    const frame = Buffer.alloc(1 + bytes);
    frame[0] = FRAME_KIND.data;
    return this.arrived('receiver', frame);
  }
}

describeCreditWindow('a lasting channel', () => new LastingEnds(), {
  window: WINDOW,
  overhead: 64,
  reports: 4,
});
