import { type Context, silentLogger } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { IdleStateEvent, IdleStateHandler } from '@headrace/handlers';
import { type CaseResult, sameAsExpected } from '../family.ts';

interface IdleEvent {
  readonly state: 'READER_IDLE' | 'WRITER_IDLE' | 'ALL_IDLE';
  readonly first: boolean;
  readonly at: number;
}

type Op =
  | { readonly op: 'advance'; readonly ms: number }
  | { readonly op: 'read' | 'readBegin' | 'readComplete' }
  | { readonly op: 'write' | 'writeOnly' | 'flush' | 'close' };

interface IdleCase {
  readonly config: {
    readonly readerIdle: number;
    readonly writerIdle: number;
    readonly allIdle: number;
  };
  readonly ops: readonly Op[];
  readonly events: readonly (readonly IdleEvent[])[];
}

const STATES = { reader: 'READER_IDLE', writer: 'WRITER_IDLE', all: 'ALL_IDLE' } as const;

/** Netty turns off what is zero or negative. */
const timeOf = (ms: number | undefined): number | false =>
  ms === undefined || ms <= 0 ? false : ms;

/** Events of the same millisecond have no order; all others have. */
function inOrder(events: readonly IdleEvent[]): (readonly IdleEvent[])[] {
  const groups: IdleEvent[][] = [];
  for (const { state, first, at, ...rest } of events) {
    const event = { state, first, at, ...rest };
    if (groups.at(-1)?.[0]?.at === at) groups.at(-1)!.push(event);
    else groups.push([event]);
  }
  return groups.map((group) => group.sort((a, b) => a.state.localeCompare(b.state)));
}

const OPS = ['read', 'readBegin', 'readComplete', 'write', 'writeOnly', 'flush', 'close'];

function apply(channel: EmbeddedChannel, op: string): void {
  if (!OPS.includes(op)) throw new Error(`unknown op ${op}`);
  if (op === 'read' || op === 'readBegin') channel.embedded.sink.received('message');
  if (op === 'read' || op === 'readComplete') channel.embedded.sink.readComplete();
  if (op === 'write' || op === 'writeOnly') void channel.write('message');
  if (op === 'write' || op === 'flush') channel.flush();
  if (op === 'close') void channel.close();
}

export function idleState(testCase: IdleCase): CaseResult {
  const { config, ops } = testCase;
  let fired: IdleEvent[] = [];
  const channel = EmbeddedChannel.with({
    logger: silentLogger,
    // The recorded Netty had neither limit.
    outboundStallMs: false,
    maxOutboundBytes: Number.POSITIVE_INFINITY,
  });
  const idle = new IdleStateHandler({
    readerIdleMs: timeOf(config.readerIdle),
    writerIdleMs: timeOf(config.writerIdle),
    allIdleMs: timeOf(config.allIdle),
  });
  channel.pipeline.addLast(idle, {
    userEventTriggered(ctx: Context, event: unknown) {
      if (!(event instanceof IdleStateEvent)) return;
      fired.push({ state: STATES[event.state], first: event.first, at: ctx.clock.now() });
    },
  });
  const events = ops.map((op) => {
    fired = [];
    if (op.op === 'advance') channel.advance(op.ms);
    else channel.run(() => apply(channel, op.op));
    return inOrder(fired);
  });
  return sameAsExpected(events, testCase.events.map(inOrder));
}
