// What a pipeline's handlers see, operation by operation. Netty notes a write's promise right after its
// message left; ours may be shared by the writes of one flush, so the notes of both sides stand last.
import { type Context, type Handler, HeadraceError, type WriteFuture } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { type CaseResult, type ConformanceFamily, PASSED, sameAsExpected } from '../family.ts';

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

  note(ctx: Context, event: string): void {
    this.events.push(`${ctx.name}.${event}`);
  }

  watch(future: WriteFuture): void {
    future.onSettled((error) => {
      this.events.push(error === undefined ? 'promise.ok' : `promise.fail(${textOf(error)})`);
    });
  }
}

abstract class Recording implements Handler {
  protected readonly recorder: Recorder;

  constructor(recorder: Recorder) {
    this.recorder = recorder;
  }

  handlerAdded(ctx: Context): void {
    this.recorder.note(ctx, 'handlerAdded');
  }

  handlerRemoved(ctx: Context): void {
    this.recorder.note(ctx, 'handlerRemoved');
  }
}

class In extends Recording {
  channelRead(ctx: Context, message: string): void {
    this.recorder.note(ctx, `channelRead(${message})`);
    this.pass(ctx, message);
  }

  protected pass(ctx: Context, message: string): void {
    ctx.fireChannelRead(message);
  }

  channelReadComplete(ctx: Context): void {
    this.recorder.note(ctx, 'channelReadComplete');
    ctx.fireChannelReadComplete();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    this.recorder.note(ctx, `userEventTriggered(${String(event)})`);
    ctx.fireUserEventTriggered(event);
  }

  exceptionCaught(ctx: Context, error: Error): void {
    this.recorder.note(ctx, `exceptionCaught(${textOf(error)})`);
    ctx.fireExceptionCaught(error);
  }

  channelInactive(ctx: Context): void {
    this.recorder.note(ctx, 'channelInactive');
    ctx.fireChannelInactive();
  }

  channelUnregistered(ctx: Context): void {
    this.recorder.note(ctx, 'channelUnregistered');
    ctx.fireChannelUnregistered();
  }
}

class Out extends Recording {
  read(ctx: Context): void {
    this.recorder.reads.push(ctx.name);
    ctx.read();
  }

  write(ctx: Context, message: string): WriteFuture {
    this.recorder.note(ctx, `write(${message})`);
    return ctx.write(message);
  }

  flush(ctx: Context): void {
    this.recorder.note(ctx, 'flush');
    ctx.flush();
  }

  close(ctx: Context, reason: string): WriteFuture {
    this.recorder.note(ctx, 'close');
    return ctx.close(reason);
  }
}

class Duplex extends In {
  read = Out.prototype.read;
  write = Out.prototype.write;
  flush = Out.prototype.flush;
  close = Out.prototype.close;
}

class Sink extends In {
  protected override pass(): void {}
}

class ThrowRead extends In {
  protected override pass(): void {
    throw new Error('boom');
  }
}

class ThrowWrite extends Out {
  override write(ctx: Context, message: string): WriteFuture {
    this.recorder.note(ctx, `write(${message})`);
    throw new Error('boom');
  }
}

class Catch extends In {
  override exceptionCaught(ctx: Context, error: Error): void {
    this.recorder.note(ctx, `exceptionCaught(${textOf(error)})`);
  }
}

/** Does something once, on its first message, before it passes the message on. */
abstract class Once extends In {
  private isDone = false;

  protected override pass(ctx: Context, message: string): void {
    if (!this.isDone) {
      this.isDone = true;
      this.act(ctx);
    }
    ctx.fireChannelRead(message);
  }

  protected abstract act(ctx: Context): void;
}

class SelfRemove extends Once {
  protected override act(ctx: Context): void {
    ctx.pipeline.remove(this);
  }
}

class AddNext extends Once {
  protected override act(ctx: Context): void {
    ctx.pipeline.addAfter(ctx.name, new In(this.recorder), `${ctx.name}'`);
  }
}

class ReplaceSelf extends Once {
  protected override act(ctx: Context): void {
    ctx.pipeline.replace(this, new In(this.recorder), `${ctx.name}*`);
  }
}

class EventOnRead extends In {
  protected override pass(ctx: Context, message: string): void {
    ctx.fireUserEventTriggered('evt');
    ctx.fireChannelRead(message);
  }
}

class WriteOnRead extends In {
  protected override pass(ctx: Context, message: string): void {
    ctx.write(`${message}:echo`);
    ctx.flush();
    ctx.fireChannelRead(message);
  }
}

const KINDS: Readonly<Record<string, new (recorder: Recorder) => Handler>> = {
  in: In,
  out: Out,
  duplex: Duplex,
  sink: Sink,
  throwRead: ThrowRead,
  throwWrite: ThrowWrite,
  catch: Catch,
  selfRemove: SelfRemove,
  addNext: AddNext,
  replaceSelf: ReplaceSelf,
  eventOnRead: EventOnRead,
  writeOnRead: WriteOnRead,
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
    const Kind = KINDS[kind];
    if (Kind === undefined) throw new Error(`unknown kind of handler: ${kind}`);
    return new Kind(this.recorder);
  }

  private context(name: string): Context {
    const context = this.channel.pipeline.context(name);
    if (context === undefined) throw new Error(`no context ${name}`);
    return context;
  }
}

const isPromise = (event: string): boolean => event.startsWith('promise.');

/** The notes about promises come last, in their order. */
function promisesLast(events: readonly string[]): string[] {
  return [...events.filter((event) => !isPromise(event)), ...events.filter(isPromise)];
}

/** The same, whatever the order of promises: ours can be looked at only when `writeAndFlush` has returned. */
function promisesSorted(events: readonly string[]): string[] {
  return [...events.filter((event) => !isPromise(event)), ...events.filter(isPromise).sort()];
}

function runOnce(testCase: TraceCase, usesWriteAndFlush: boolean): CaseResult {
  const normalize = usesWriteAndFlush ? promisesSorted : promisesLast;
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

export const family: ConformanceFamily = {
  name: 'pipeline-trace',
  run(testCase: TraceCase): CaseResult {
    const result = runOnce(testCase, false);
    return result.outcome === 'passed' ? runOnce(testCase, true) : result;
  },
};
