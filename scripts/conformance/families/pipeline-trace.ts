// What a pipeline's handlers see, operation by operation. Netty notes a write's promise right after its
// message left; ours may be shared by the writes of one flush, so the notes of both sides stand last.
import { type Context, type Handler, HeadraceError, type WriteFuture } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { type CaseResult, PASSED, sameAsExpected } from '../family.ts';

type Op = readonly [name: string, ...args: string[]];

interface TraceCase {
  readonly ops: readonly Op[];
  readonly trace: ReadonlyArray<readonly string[]>;
  readonly reads?: ReadonlyArray<readonly string[]>;
}

const NETTY_NAMES: Readonly<Record<string, string>> = {
  HR_ERR_PIPELINE_DUPLICATE_NAME: 'IllegalArgumentException',
  HR_ERR_PIPELINE_UNKNOWN_NAME: 'NoSuchElementException',
  HR_ERR_PIPELINE_NOT_SHARABLE: 'ChannelPipelineException',
  HR_ERR_PIPELINE_HANDLER_FAILED: 'ChannelPipelineException',
  HR_ERR_CHANNEL_CLOSED: 'ClosedChannelException',
};

/** What Netty would call it: the text of the case's own errors, the class name of the framework's. */
function textOf(error: Error): string {
  return error instanceof HeadraceError ? (NETTY_NAMES[error.code] ?? error.code) : error.message;
}

/** What happens during one operation. */
class Recorder {
  events: string[] = [];
  reads: string[] = [];

  note(ctx: Context, event: string, value?: unknown): void {
    const text = value instanceof Error ? textOf(value) : String(value);
    this.events.push(`${ctx.name}.${event}${value === undefined ? '' : `(${text})`}`);
  }

  watch(future: WriteFuture): void {
    future.onSettled((error) => {
      this.events.push(error === undefined ? 'promise.ok' : `promise.fail(${textOf(error)})`);
    });
  }
}

type Make = (recorder: Recorder) => Handler;
/** What a handler does with a message that it has noted. */
type Pass = (ctx: Context, message: string) => void;

const onwards: Pass = (ctx, message) => ctx.fireChannelRead(message);

function life(recorder: Recorder): Handler {
  return {
    handlerAdded: (ctx) => recorder.note(ctx, 'handlerAdded'),
    handlerRemoved: (ctx) => recorder.note(ctx, 'handlerRemoved'),
  };
}

/** The inbound events, and what passes each of them on. */
const INBOUND = {
  channelRead: 'fireChannelRead',
  channelReadComplete: 'fireChannelReadComplete',
  userEventTriggered: 'fireUserEventTriggered',
  exceptionCaught: 'fireExceptionCaught',
  channelInactive: 'fireChannelInactive',
  channelUnregistered: 'fireChannelUnregistered',
} as const;

const inbound =
  (pass: Pass = onwards): Make =>
  (recorder) => {
    const methods = Object.entries(INBOUND).map(([event, fire]) => [
      event,
      (ctx: Context, value?: unknown) => {
        recorder.note(ctx, event, value);
        if (fire === 'fireChannelRead') pass(ctx, value as string);
        else (ctx[fire] as (value: unknown) => void)(value);
      },
    ]);
    return { ...life(recorder), ...Object.fromEntries(methods) };
  };

const outbound: Make = (recorder) => ({
  ...life(recorder),
  read(ctx) {
    recorder.reads.push(ctx.name);
    ctx.read();
  },
  write(ctx, message: string) {
    recorder.note(ctx, 'write', message);
    return ctx.write(message);
  },
  flush(ctx) {
    recorder.note(ctx, 'flush');
    ctx.flush();
  },
  close(ctx, reason) {
    recorder.note(ctx, 'close');
    return ctx.close(reason);
  },
});

/** Does something once, on its first message, before it passes the message on. */
function once(act: (ctx: Context, recorder: Recorder) => void): Make {
  return (recorder) => {
    let isDone = false;
    return inbound((ctx, message) => {
      if (!isDone) {
        isDone = true;
        act(ctx, recorder);
      }
      ctx.fireChannelRead(message);
    })(recorder);
  };
}

function boom(): never {
  throw new Error('boom');
}

const KINDS: Readonly<Record<string, Make>> = {
  in: inbound(),
  out: outbound,
  duplex: (recorder) => ({ ...inbound()(recorder), ...outbound(recorder) }),
  sink: inbound(() => {}),
  throwRead: inbound(boom),
  throwWrite: (recorder) => ({
    ...outbound(recorder),
    write(ctx, message) {
      recorder.note(ctx, 'write', message);
      return boom();
    },
  }),
  catch: (recorder) => ({
    ...inbound()(recorder),
    exceptionCaught: (ctx, error) => recorder.note(ctx, 'exceptionCaught', error),
  }),
  selfRemove: once((ctx) => void ctx.pipeline.remove(ctx.name)),
  addNext: once(
    (ctx, recorder) => void ctx.pipeline.addAfter(ctx.name, inbound()(recorder), `${ctx.name}'`),
  ),
  replaceSelf: once(
    (ctx, recorder) => void ctx.pipeline.replace(ctx.name, inbound()(recorder), `${ctx.name}*`),
  ),
  eventOnRead: inbound((ctx, message) => {
    ctx.fireUserEventTriggered('evt');
    ctx.fireChannelRead(message);
  }),
  writeOnRead: inbound((ctx, message) => {
    ctx.write(`${message}:echo`);
    ctx.flush();
    ctx.fireChannelRead(message);
  }),
};

class TracedChannel extends EmbeddedChannel {
  recorder: Recorder | undefined;

  protected override handleInboundMessage(message: unknown): void {
    this.recorder?.events.push(`tail.read(${String(message)})`);
  }

  protected override handleOutboundMessage(message: unknown): void {
    this.recorder?.events.push(`head.written(${String(message)})`);
  }

  protected override handleException(error: Error): void {
    this.recorder?.events.push(`tail.exception(${textOf(error)})`);
  }
}

class Run {
  readonly recorder: Recorder = new Recorder();
  readonly channel: TracedChannel = new TracedChannel();
  private readonly usesWriteAndFlush: boolean;

  constructor(usesWriteAndFlush: boolean) {
    this.channel.recorder = this.recorder;
    this.usesWriteAndFlush = usesWriteAndFlush;
  }

  /** One operation and the tasks it left, as [events, reads]. */
  perform(op: Op): readonly [events: string[], reads: string[]] {
    this.recorder.events = [];
    this.recorder.reads = [];
    this.channel.run(() => {
      try {
        this.call(op);
      } catch (thrown) {
        const isOurs = thrown instanceof HeadraceError;
        this.recorder.events.push(`op.error(${isOurs ? textOf(thrown) : String(thrown)})`);
      }
    });
    return [this.recorder.events, this.recorder.reads];
  }

  private call([name, a = '', b = '', c = '']: Op): void {
    const { channel, recorder } = this;
    const { pipeline } = channel;
    if (name === 'addFirst') pipeline.addFirst(b, this.make(a));
    else if (name === 'addLast') pipeline.addLast(b, this.make(a));
    else if (name === 'addBefore') pipeline.addBefore(a, this.make(b), c);
    else if (name === 'addAfter') pipeline.addAfter(a, this.make(b), c);
    else if (name === 'remove') pipeline.remove(a);
    else if (name === 'replace') pipeline.replace(a, this.make(b), c);
    else if (name === 'fireRead') pipeline.fireChannelRead(a);
    else if (name === 'fireReadComplete') pipeline.fireChannelReadComplete();
    else if (name === 'fireUserEvent') pipeline.fireUserEventTriggered(a);
    else if (name === 'fireException') pipeline.fireExceptionCaught(new Error(a));
    else if (name === 'write') recorder.watch(channel.write(a));
    else if (name === 'flush') channel.flush();
    else if (name === 'writeAndFlush') this.writeAndFlush(a);
    else if (name === 'writeFromContext') recorder.watch(this.context(a).write(b));
    else if (name === 'fireReadFromContext') this.context(a).fireChannelRead(b);
    else if (name === 'close') channel.close();
    else throw new Error(`unknown operation ${name}`);
  }

  private writeAndFlush(message: string): void {
    const { channel, recorder } = this;
    if (this.usesWriteAndFlush) recorder.watch(channel.writeAndFlush(message));
    else {
      recorder.watch(channel.write(message));
      channel.flush();
    }
  }

  private make(kind: string): Handler {
    const make = KINDS[kind];
    if (make === undefined) throw new Error(`unknown kind of handler: ${kind}`);
    return make(this.recorder);
  }

  private context(name: string): Context {
    const context = this.channel.pipeline.context(name);
    if (context === undefined) throw new Error(`no context ${name}`);
    return context;
  }
}

const isPromise = (event: string): boolean => event.startsWith('promise.');

/** The notes about promises come last; sorted, as ours can be looked at only when `writeAndFlush` has returned. */
function promisesLast(events: readonly string[], areSorted: boolean): string[] {
  const promises = events.filter(isPromise);
  return [
    ...events.filter((event) => !isPromise(event)),
    ...(areSorted ? promises.sort() : promises),
  ];
}

function runOnce(testCase: TraceCase, usesWriteAndFlush: boolean): CaseResult {
  const normalize = (events: readonly string[]) => promisesLast(events, usesWriteAndFlush);
  const run = new Run(usesWriteAndFlush);
  const { ops, trace, reads: allReads } = testCase;
  for (const lists of [trace, allReads ?? trace]) {
    if (lists.length === ops.length) continue;
    return { outcome: 'failed', detail: `${ops.length} operations, but ${lists.length} traces` };
  }
  let isClosed = false;
  for (const [index, op] of ops.entries()) {
    const [events, reads] = run.perform(op);
    if (isClosed && isAddition(op)) return additionAfterClose(op, events, trace[index]!);
    const expected = [normalize(testCase.trace[index] ?? []), testCase.reads?.[index] ?? []];
    const result = sameAsExpected([normalize(events), reads], expected);
    if (result.outcome === 'failed') {
      const where = `op ${index} ${JSON.stringify(op)}`;
      return { outcome: 'failed', detail: `${where}: ${result.detail}` };
    }
    isClosed ||= op[0] === 'close';
  }
  return PASSED;
}

function isAddition(op: Op): boolean {
  return /^(?:add|replace)/.test(op[0]);
}

/** Netty adds a handler to a closed pipeline as to any other, ours refuses; what follows cannot be compared. */
function additionAfterClose(
  op: Op,
  events: readonly string[],
  expected: readonly string[],
): CaseResult {
  const added = sameAsExpected([`${op.at(-1)}.handlerAdded`], expected);
  const refused = sameAsExpected(events, ['op.error(HR_ERR_PIPELINE_CLOSED)']);
  if (added.outcome === 'failed' || refused.outcome === 'failed') {
    return sameAsExpected(events, expected);
  }
  return { outcome: 'skipped', reason: 'adds to a closed pipeline, which ours refuses' };
}

export function pipelineTrace(testCase: TraceCase): CaseResult {
  const result = runOnce(testCase, false);
  return result.outcome === 'passed' ? runOnce(testCase, true) : result;
}
