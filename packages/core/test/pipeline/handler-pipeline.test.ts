import type { Context, Handler } from '@headrace/core';
import { EmbeddedChannel, recordEvents } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

class A implements Handler {
  channelRead(ctx: Context, message: unknown): void {
    ctx.fireChannelRead(message);
  }
}
class B extends A {}
class Shared implements Handler {
  readonly sharable: boolean = true;
}

const names = (channel: EmbeddedChannel): string[] => channel.pipeline.names();

describe('structure and names', () => {
  it('places handlers exactly there: inbound runs from head to tail, outbound from tail to head', () => {
    const into: string[] = [];
    const recorder = (name: string) => recordEvents({ name, into });
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast('2', recorder('2'));
    channel.pipeline.addFirst('1', recorder('1'));
    channel.pipeline.addLast('5', recorder('5'));
    channel.pipeline.addBefore('5', recorder('3'), '3');
    channel.pipeline.addAfter('3', recorder('4'), '4');
    expect(names(channel)).toEqual(['1', '2', '3', '4', '5']);
    into.length = 0;
    channel.writeInbound('in');
    channel.writeOutbound('out');
    expect(into).toEqual([
      ...[1, 2, 3, 4, 5].map((n) => `${n}.channelRead "in"`),
      ...[1, 2, 3, 4, 5].map((n) => `${n}.channelReadComplete`),
      ...[5, 4, 3, 2, 1].map((n) => `${n}.write "out"`),
      ...[5, 4, 3, 2, 1].map((n) => `${n}.flush`),
    ]);
  });

  it('keeps the order of several handlers given at once, at both ends', () => {
    const [a, b, c, d, e] = [new A(), new A(), new A(), new A(), new A()];
    const channel = new EmbeddedChannel(c!);
    channel.pipeline.addFirst(a!, b!);
    channel.pipeline.addLast(d!, e!);
    expect([...channel.pipeline].map(([, handler]) => handler)).toEqual([a, b, c, d, e]);
  });

  it('keeps its list whole when a handler that comes sends away the one that was first', () => {
    const old = new A();
    const channel = new EmbeddedChannel(old);
    const first: Handler = { handlerAdded: (ctx) => void ctx.pipeline.remove(old) };
    const second: Handler = {
      channelRead: (ctx, message: string) => ctx.fireChannelRead(`${message} through`),
    };
    channel.pipeline.addFirst(first, second);
    expect([...channel.pipeline].map(([, handler]) => handler)).toEqual([first, second]);
    expect(channel.pipeline.last()).toBe(second);
    channel.writeInbound('in');
    expect(channel.readInbound()).toBe('in through');
  });

  it('puts nothing into the pipeline when nothing is given', () => {
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast();
    channel.pipeline.addFirst();
    expect(names(channel)).toEqual([]);
  });

  it('refuses a taken name, names it, and leaves the pipeline as it was', () => {
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast('one', new A());
    for (const add of [
      () => channel.pipeline.addLast('one', new B()),
      () => channel.pipeline.addFirst('one', new B()),
      () => channel.pipeline.addBefore('one', new B(), 'one'),
      () => channel.pipeline.addAfter('one', new B(), 'one'),
    ]) {
      expect(add).toThrow(expect.objectContaining({ code: 'HR_ERR_PIPELINE_DUPLICATE_NAME' }));
      expect(add).toThrow(/"one"/);
    }
    expect(names(channel)).toEqual(['one']);
    expect(channel.pipeline.first()).toBeInstanceOf(A);
  });

  it('checks the name before sharability: a refused handler can still be added under another name', () => {
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast('taken', new A());
    const handler = new B();
    expect(() => channel.pipeline.addLast('taken', handler)).toThrow();
    channel.pipeline.addLast('free', handler);
    expect(channel.pipeline.get('free')).toBe(handler);
  });

  it('reports a taken name before an unknown base, as Netty does', () => {
    const { pipeline } = new EmbeddedChannel();
    pipeline.addLast('taken', new A());
    const taken = expect.objectContaining({ code: 'HR_ERR_PIPELINE_DUPLICATE_NAME' });
    expect(() => pipeline.addBefore('nobody', new B(), 'taken')).toThrow(taken);
    expect(() => pipeline.addAfter('nobody', new B(), 'taken')).toThrow(taken);
  });

  it('an unknown base does not use the handler up either', () => {
    const channel = new EmbeddedChannel();
    const handler = new A();
    expect(() => channel.pipeline.addAfter('nobody', handler)).toThrow();
    expect(() => channel.pipeline.replace('nobody', handler)).toThrow();
    channel.pipeline.addLast(handler);
    expect(channel.pipeline.first()).toBe(handler);
  });

  it('makes up names: the class and the lowest free number', () => {
    const channel = new EmbeddedChannel(new A(), new A(), new B(), new A());
    expect(names(channel)).toEqual(['A#0', 'A#1', 'B#0', 'A#2']);
    channel.pipeline.remove('A#1');
    channel.pipeline.addFirst(new A());
    expect(names(channel)).toEqual(['A#1', 'A#0', 'B#0', 'A#2']);
  });

  it('calls a handler without a class "Handler", and shuns a name that somebody chose', () => {
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast('Handler#0', new A());
    channel.pipeline.addLast({ channelActive() {} });
    channel.pipeline.addLast(Object.assign(Object.create(null), { channelActive() {} }));
    expect(names(channel)).toEqual(['Handler#0', 'Handler#1', 'Handler#2']);
  });

  it('reports an unknown base', () => {
    const channel = new EmbeddedChannel(new A());
    const unknown = expect.objectContaining({ code: 'HR_ERR_PIPELINE_UNKNOWN_NAME' });
    expect(() => channel.pipeline.addBefore('nobody', new A())).toThrow(unknown);
    expect(() => channel.pipeline.addAfter('nobody', new A())).toThrow(unknown);
    expect(() => channel.pipeline.addAfter(B, new A())).toThrow(unknown);
    expect(() => channel.pipeline.addAfter('nobody', new A())).toThrow(/"nobody".*A#0/);
  });

  it('answers undefined for a value that is not there', () => {
    const empty = new EmbeddedChannel().pipeline;
    expect(empty.get('x')).toBeUndefined();
    expect(empty.get(A)).toBeUndefined();
    expect(empty.context('x')).toBeUndefined();
    expect(empty.context(new A())).toBeUndefined();
    expect(empty.context(A)).toBeUndefined();
    expect(empty.first()).toBeUndefined();
    expect(empty.last()).toBeUndefined();
    expect(empty.firstContext()).toBeUndefined();
    expect(empty.lastContext()).toBeUndefined();
  });

  it('finds by name, instance and class, and both ends', () => {
    const [a, b] = [new A(), new Shared()];
    const { pipeline } = new EmbeddedChannel(a, b);
    expect(pipeline.get('A#0')).toBe(a);
    expect(pipeline.context(b)?.handler).toBe(b);
    expect(pipeline.context(Shared)?.name).toBe('Shared#0');
    expect(pipeline.first()).toBe(a);
    expect(pipeline.last()).toBe(b);
    expect(pipeline.firstContext()?.handler).toBe(a);
    expect(pipeline.lastContext()?.handler).toBe(b);
  });

  it('finds by class the first one from the head, subclasses too', () => {
    const [b, a] = [new B(), new A()];
    const { pipeline } = new EmbeddedChannel(new Shared(), b, a);
    expect(pipeline.get(A)).toBe(b);
    pipeline.remove(A);
    expect(pipeline.get(A)).toBe(a);
    expect(pipeline.get(B)).toBeUndefined();
  });

  it('removing what is absent is an error; removeIfExists just answers undefined', () => {
    const { pipeline } = new EmbeddedChannel();
    const unknown = expect.objectContaining({ code: 'HR_ERR_PIPELINE_UNKNOWN_NAME' });
    for (const ref of ['x', new A(), A]) {
      expect(() => pipeline.remove(ref)).toThrow(unknown);
      expect(pipeline.removeIfExists(ref)).toBeUndefined();
    }
    const a = new A();
    pipeline.addLast(a);
    expect(pipeline.removeIfExists(A)).toBe(a);
    expect(() => pipeline.remove(a)).toThrow(unknown);
  });

  it('removeFirst and removeLast of an empty pipeline are errors', () => {
    const { pipeline } = new EmbeddedChannel();
    const unknown = expect.objectContaining({ code: 'HR_ERR_PIPELINE_UNKNOWN_NAME' });
    expect(() => pipeline.removeFirst()).toThrow(unknown);
    expect(() => pipeline.removeLast()).toThrow(unknown);
    const [a, b, c] = [new A(), new A(), new A()];
    pipeline.addLast(a, b, c);
    expect(pipeline.removeFirst()).toBe(a);
    expect(pipeline.removeLast()).toBe(c);
    expect(pipeline.names()).toEqual(['A#1']);
  });

  it('remove and replace return the handler that went', () => {
    const [a, b] = [new A(), new B()];
    const { pipeline } = new EmbeddedChannel(a);
    expect(pipeline.replace('A#0', b)).toBe(a);
    expect(pipeline.remove(B)).toBe(b);
  });

  it('replace takes the same name, refuses another taken one, and makes one up', () => {
    const { pipeline } = new EmbeddedChannel();
    pipeline.addLast('x', new A());
    pipeline.addLast('y', new A());
    const b = new B();
    pipeline.replace('x', b, 'x');
    expect(pipeline.get('x')).toBe(b);
    expect(() => pipeline.replace('x', new B(), 'y')).toThrow(
      expect.objectContaining({ code: 'HR_ERR_PIPELINE_DUPLICATE_NAME' }),
    );
    expect(pipeline.get('x')).toBe(b);
    pipeline.replace('x', new B());
    expect(pipeline.names()).toEqual(['B#0', 'y']);
    pipeline.replace('y', new B(), 'z');
    expect(pipeline.names()).toEqual(['B#0', 'z']);
  });

  it('iterates over a snapshot of the user’s handlers, from head to tail', () => {
    const [a, b] = [new A(), new B()];
    const { pipeline } = new EmbeddedChannel(a, b);
    const map = pipeline.toMap();
    const seen: string[] = [];
    for (const [name] of pipeline) {
      seen.push(name);
      pipeline.removeIfExists(b);
    }
    expect(seen).toEqual(['A#0', 'B#0']);
    expect([...map]).toEqual([
      ['A#0', a],
      ['B#0', b],
    ]);
    expect([...pipeline.toMap().keys()]).toEqual(['A#0']);
  });

  it('names no internal handler', () => {
    expect(new EmbeddedChannel(new A()).pipeline.names()).toEqual(['A#0']);
  });
});

describe('sharing', () => {
  const notSharable = expect.objectContaining({ code: 'HR_ERR_PIPELINE_NOT_SHARABLE' });

  it('refuses a handler that already serves a channel, in the same pipeline and in another', () => {
    const a = new A();
    const channel = new EmbeddedChannel(a);
    expect(() => channel.pipeline.addLast(a)).toThrow(notSharable);
    expect(() => new EmbeddedChannel(a)).toThrow(notSharable);
    expect(() => new EmbeddedChannel(a)).toThrow(/this A already serves a channel.*new A/);
    expect(names(channel)).toEqual(['A#0']);
  });

  it('names the initializer of the channel in the cure', () => {
    const a = new A();
    const listening = new EmbeddedChannel(a);
    Object.assign(listening, { isServer: true });
    const accepted = EmbeddedChannel.with({ parent: listening });
    expect(() => listening.pipeline.addLast(a)).toThrow(': .handler((channel)');
    expect(() => accepted.pipeline.addLast(a)).toThrow(': .childHandler((channel)');
  });

  it('a removed handler cannot be added again: its state is of its first channel', () => {
    const a = new A();
    const channel = new EmbeddedChannel(a);
    channel.pipeline.remove(a);
    expect(() => channel.pipeline.addLast(a)).toThrow(notSharable);
  });

  it('a sharable instance may stand in a pipeline several times, and in many pipelines', () => {
    const shared = new Shared();
    const channel = new EmbeddedChannel(shared, shared);
    channel.pipeline.replace('Shared#0', shared, 'other');
    expect(names(channel)).toEqual(['other', 'Shared#1']);
    expect(names(new EmbeddedChannel(shared))).toEqual(['Shared#0']);
  });

  it('sharability is a property of the handler, and need not be the same for all of a class', () => {
    class Maybe implements Handler {
      readonly sharable: boolean;
      constructor(sharable: boolean) {
        this.sharable = sharable;
      }
    }
    const [yes, no] = [new Maybe(true), new Maybe(false)];
    expect(() => new EmbeddedChannel(yes, yes)).not.toThrow();
    expect(() => new EmbeddedChannel(no, no)).toThrow(notSharable);
  });

  it('names a class that was given instead of an instance, without its source', () => {
    const { pipeline } = new EmbeddedChannel();
    expect(() => pipeline.addLast(A as never)).toThrow(
      /^the class A is not a handler; make one of it: addLast\(new A\(…\)\)$/,
    );
  });

  it('names what was given in place of a handler, and what to write instead', () => {
    const { pipeline } = new EmbeddedChannel();
    const preset = () => new A();
    for (const [wrong, message] of [
      [[new A(), new A()], 'an array is not a handler; spread it: addLast(...handlers)'],
      [
        preset,
        'the function preset is not a handler; if it makes one, call it: addLast(preset(…))',
      ],
      [undefined, 'undefined is not a handler'],
      [5, '5 is not a handler'],
    ] as const) {
      expect(() => pipeline.addLast(wrong as never)).toThrow(message);
    }
    expect(pipeline.names()).toEqual([]);
  });

  it('takes one handler for one name', () => {
    const { pipeline } = new EmbeddedChannel();
    const addTwo = () => (pipeline.addLast as (...args: unknown[]) => void)('a', new A(), new A());
    expect(addTwo).toThrow('the name "a" is for one handler');
    expect(pipeline.names()).toEqual([]);
  });

  it('refuses what is not a handler', () => {
    const { pipeline } = new EmbeddedChannel();
    for (const wrong of [undefined, null, 5, () => undefined]) {
      expect(() => pipeline.addFirst(wrong as never)).toThrow(
        expect.objectContaining({ code: 'HR_ERR_PIPELINE_STATE' }),
      );
    }
  });
});

describe('head and tail', () => {
  it('head and tail are neither found, nor removed, nor replaced', () => {
    const { pipeline } = new EmbeddedChannel();
    for (const name of ['head', 'tail']) {
      expect(pipeline.context(name)).toBeUndefined();
      expect(pipeline.get(name)).toBeUndefined();
      expect(() => pipeline.remove(name)).toThrow();
      expect(() => pipeline.replace(name, new A())).toThrow();
      expect(() => pipeline.addBefore(name, new A())).toThrow();
    }
    pipeline.addLast('head', new A());
    pipeline.addLast('tail', new A());
    expect(pipeline.names()).toEqual(['head', 'tail']);
  });

  it('a closed pipeline takes no handlers', () => {
    const channel = new EmbeddedChannel(new A());
    channel.close();
    channel.runPendingTasks();
    const closed = expect.objectContaining({ code: 'HR_ERR_PIPELINE_CLOSED' });
    expect(() => channel.pipeline.addLast(new A())).toThrow(closed);
    expect(() => channel.pipeline.addFirst(new A())).toThrow(closed);
    expect(() => channel.pipeline.addLast(new A())).toThrow(/closed/);
    expect(names(channel)).toEqual([]);
  });

  it('handlers may still be added from channelInactive: the pipeline closes after it', () => {
    const seen = recordEvents();
    const channel = new EmbeddedChannel({
      channelInactive(ctx) {
        ctx.pipeline.addLast(seen);
        ctx.fireChannelInactive();
      },
    } satisfies Handler);
    channel.finish();
    expect(seen.events).toEqual([
      'handlerAdded',
      'channelInactive',
      'channelUnregistered',
      'handlerRemoved',
    ]);
  });
});
