import { describe, expect, it } from 'vitest';
import { KeptInputHandler, type KeptInputSteps } from '../../src/authoring.ts';
import type { Context, Handler } from '../../src/index.ts';
import { MAX_LATE_MESSAGES } from '../../src/pipeline/kept-input.ts';
import { describeHeldReads, EmbeddedChannel } from '../../src/testing/index.ts';
import { randomFrom } from '../fixture/random.ts';

/** Keeps everything until it is opened. */
class Gate extends KeptInputHandler {
  isOpen = false;
  dropped = 0;

  protected override keptInputSteps(): KeptInputSteps {
    return { why: 'Gate', mayPass: (_ctx, isDue) => this.isOpen || isDue };
  }

  open(channel: EmbeddedChannel): void {
    this.isOpen = true;
    channel.run(() => this.kept.deliver(channel.pipeline.context(this)!));
  }

  messages(): readonly unknown[] {
    const all: unknown[] = [];
    this.kept.redeliver({
      fireChannelRead: (message: unknown) => all.push(message),
    } as Partial<Context> as Context);
    return all;
  }
}

class Notes implements Handler {
  readonly seen: string[] = [];
  act: (message: unknown) => void = () => {};

  channelRead(_ctx: Context, message: unknown): void {
    this.seen.push(String(message));
    this.act(message);
  }
  channelReadComplete(): void {
    this.seen.push('complete');
  }
  exceptionCaught(_ctx: Context, error: Error): void {
    this.seen.push(error.message);
  }
  channelInactive(): void {
    this.seen.push('inactive');
  }
  channelUnregistered(): void {
    this.seen.push('unregistered');
  }
}

function gated(): { gate: Gate; notes: Notes; channel: EmbeddedChannel } {
  const gate = new Gate();
  const notes = new Notes();
  return { gate, notes, channel: new EmbeddedChannel(gate, notes) };
}

describeHeldReads(
  { describe, it, expect },
  {
    name: 'a handler that only extends KeptInputHandler',
    handlers: () => [new (class extends KeptInputHandler {})()],
    input: ['a', 'b', 'c', 'd', 'e'],
    output: ['a', 'b', 'c', 'd', 'e'],
  },
);

/** Holds reads itself while it may not pass a message, as a handler does whose output is full. */
class Holding extends Gate {
  /** Whether it does not hold reads. */
  isSilent = false;

  letGo(): void {
    this.kept.release();
  }

  protected override keptInputSteps(): KeptInputSteps {
    return {
      why: 'Holding',
      mayPass: ({ channel }, isDue) => {
        if (!this.isOpen && !this.isSilent) this.kept.hold(channel);
        return this.isOpen || isDue;
      },
      delivered: () => {
        if (this.kept.isEmpty) this.kept.release();
      },
    };
  }
}

describe('a handler that holds reads itself while it waits for holds of others', () => {
  it('goes on when those end, even after it was opened during another hold', () => {
    const handler = new Holding();
    const notes = new Notes();
    const channel = new EmbeddedChannel(handler, notes);
    const first = channel.holdReads('first');
    let second: { release(): void } | undefined;
    // An earlier listener delivers a message, which the handler may not pass, and takes another hold.
    channel.onceReadable(() => {
      handler.channelRead(channel.pipeline.context(handler)!, 'b');
      second = channel.holdReads('second');
    });
    channel.run(() => handler.channelRead(channel.pipeline.context(handler)!, 'a'));
    channel.run(() => first.release());
    expect(channel.readHolds).toEqual(['Holding', 'second']);
    handler.open(channel);
    expect(notes.seen).toEqual([]);
    channel.run(() => second!.release());
    expect(notes.seen).toEqual(['a', 'b']);
    expect(channel.readHolds).toEqual([]);
    channel.finish();
  });

  it('does not hold again after the holds of others if it has released its own meanwhile', () => {
    const handler = new Holding();
    const channel = new EmbeddedChannel(handler, new Notes());
    channel.run(() => handler.channelRead(channel.pipeline.context(handler)!, 'a'));
    const other = channel.holdReads('other');
    channel.run(() => handler.channelRead(channel.pipeline.context(handler)!, 'b'));
    expect(channel.readHolds).toEqual(['other']);
    handler.letGo();
    handler.isSilent = true;
    channel.run(() => other.release());
    expect(channel.readHolds).toEqual([]);
    channel.finish();
  });

  it.each(Array.from({ length: 200 }, (_, seed) => seed))(
    'loses nothing in any order of holds, releases and messages (seed %i)',
    (seed) => {
      const next = randomFrom(seed);
      const random = (below: number): number => Math.floor(next() * below);
      const handlers = [new Holding(), new Gate(), new Holding()];
      const notes = new Notes();
      const channel = new EmbeddedChannel(...handlers, notes);
      const holds: { release(): void }[] = [];
      let sent = 0;
      const send = (): void =>
        handlers[0]!.channelRead(channel.pipeline.context(handlers[0]!)!, sent++);
      const hold = (): void => void holds.push(channel.holdReads('other'));
      const change = (handler: Gate): void => {
        if (handler.isOpen) handler.isOpen = false;
        else handler.open(channel);
      };
      notes.act = () => {
        if (random(4) === 0) hold();
        if (random(4) === 0) handlers[random(3)]!.isOpen = false;
      };
      const actions = [
        send,
        hold,
        () => holds.splice(random(holds.length), 1)[0]?.release(),
        () => change(handlers[random(3)]!),
        () => channel.onceReadable(() => [send, hold][random(2)]!()),
      ];
      for (let i = 0; i < 60; i++) channel.run(actions[random(actions.length)]!);
      notes.act = () => {};
      for (const handler of handlers) handler.open(channel);
      while (holds.length > 0) channel.run(() => holds.pop()!.release());
      const numbers = notes.seen.filter((one) => one !== 'complete').map(Number);
      expect(numbers).toEqual(Array.from({ length: sent }, (_, i) => i));
      expect(channel.readHolds).toEqual([]);
      channel.finish();
    },
  );
});

describe('kept input', () => {
  it('ends the burst of what has passed when a later handler holds reads and the rest waits', () => {
    const notes = new Notes();
    const channel = new EmbeddedChannel(new (class extends KeptInputHandler {})(), notes);
    let hold: { release(): void } | undefined;
    notes.act = (message) => {
      if (message === 'a') hold = channel.holdReads('test');
    };
    channel.writeInbound('a', 'b');
    expect(notes.seen).toEqual(['a', 'complete']);
    channel.run(() => hold!.release());
    expect(notes.seen).toEqual(['a', 'complete', 'b', 'complete']);
    channel.finish();
  });

  it('has one end of a burst for the messages that are delivered together', () => {
    const { gate, notes, channel } = gated();
    channel.writeInbound('a', 'b');
    channel.writeInbound('c');
    gate.open(channel);
    expect(notes.seen).toEqual(['a', 'b', 'c', 'complete']);
    channel.finish();
  });

  it('keeps the order of all events at the end', () => {
    const { notes, channel } = gated();
    channel.writeInbound('a');
    channel.run(() => channel.embedded.sink.failed(new Error('lost')));
    expect(notes.seen).toEqual([
      'a',
      'complete',
      'the transport failed (lost)',
      'inactive',
      'unregistered',
    ]);
  });

  it('passes on the rest after the message during which its handler was removed', () => {
    const { gate, notes, channel } = gated();
    channel.writeInbound('a', 'b', 'c');
    notes.act = (message) => {
      if (message !== 'a') return;
      channel.pipeline.remove(gate);
      notes.seen.push('a is done');
    };
    gate.open(channel);
    expect(notes.seen).toEqual(['a', 'a is done', 'b', 'c', 'complete']);
    channel.finish();
  });

  it('keeps what arrives during a delivery after the rest', () => {
    const { gate, notes, channel } = gated();
    channel.writeInbound('a', 'b');
    notes.act = (message) => {
      if (message === 'a') channel.writeOneInbound('late');
    };
    gate.open(channel);
    expect(notes.seen.filter((note) => note !== 'complete')).toEqual(['a', 'b', 'late']);
    channel.finish();
  });

  it('delivers no more than its bound of a peer that has gone', () => {
    const { notes, channel } = gated();
    channel.writeInbound(...Array.from({ length: MAX_LATE_MESSAGES + 1000 }, () => 'x'));
    channel.run(() => channel.embedded.sink.disconnected());
    expect(notes.seen.filter((note) => note === 'x').length).toBe(MAX_LATE_MESSAGES);
    expect(notes.seen.slice(-2)).toEqual(['inactive', 'unregistered']);
  });

  it('drops messages after our own end, and still passes the error that followed them', () => {
    const { gate, notes, channel } = gated();
    channel.writeInbound('a', 'b');
    channel.end();
    channel.run(() => channel.pipeline.fireExceptionCaught(new Error('late')));
    gate.open(channel);
    expect(notes.seen).toEqual(['late']);
    channel.finish();
  });

  it('copies small bytes out of the memory of their read, those of one read into one piece', () => {
    const { gate, channel } = gated();
    const read = Buffer.alloc(65_536, 'x');
    channel.writeInbound(read.subarray(0, 1), read.subarray(1, 3), 'text');
    const [one, two, text] = gate.messages() as [Buffer, Buffer, string];
    expect([String(one), String(two), text]).toEqual(['x', 'xx', 'text']);
    expect(one.buffer.byteLength).toBe(3);
    expect(two.buffer).toBe(one.buffer);
    channel.finish();
  });

  it('copies nothing that is a large part of the memory of its read', () => {
    const { gate, channel } = gated();
    const read = Buffer.alloc(65_536, 'x');
    channel.writeInbound(read.subarray(0, 20_000));
    expect((gate.messages()[0] as Buffer).buffer).toBe(read.buffer);
    channel.finish();
  });
});
