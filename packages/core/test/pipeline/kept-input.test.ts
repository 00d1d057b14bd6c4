import { describe, expect, it } from 'vitest';
import { KeptInputHandler, type KeptInputSteps } from '../../src/authoring.ts';
import type { Context, Handler } from '../../src/index.ts';
import { MAX_LATE_MESSAGES } from '../../src/pipeline/kept-input.ts';
import { describeHeldReads, EmbeddedChannel } from '../../src/testing/index.ts';

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
