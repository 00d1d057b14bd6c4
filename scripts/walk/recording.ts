// Records what one message runs: a frame to a server over TCP, and its answer. Prints as JSON which functions
// of packages/*/src ran, in order of their first call. A program of its own: nothing else runs meanwhile, and
// no option of the caller's Node changes what runs. Started by walk.ts.
import { once } from 'node:events';
import { Session } from 'node:inspector/promises';
import { connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { LengthFieldFrameDecoder, LengthFieldPrepender, StringCodec } from '@headrace/codec';
import { type Handler, pipeline, ServerBootstrap } from '@headrace/core';
import { EchoHandler, IdleStateHandler } from '@headrace/handlers';

/** A function that ran. */
interface Ran {
  readonly url: string;
  readonly scriptId: string;
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly calls: number;
}

/** How often the message goes there and back first: what happens once per connection is no part of the walk. */
const WARM_UP = 5;
const OURS = /\/packages\/[^/]+\/src\//;
/** The list that breakpoints write to; they see nothing but globals. */
const ORDER = '__headraceWalk';

/** One message and its answer, and what is due in the same turn of the event loop. */
async function exchange(client: Socket): Promise<void> {
  const body = Buffer.from('hello');
  const frame = Buffer.concat([Buffer.of(0, 0, 0, body.length), body]);
  client.write(frame);
  let answer = Buffer.alloc(0);
  while (answer.length < frame.length) {
    const [chunk] = (await once(client, 'data')) as [Buffer];
    answer = Buffer.concat([answer, chunk]);
  }
  if (!answer.equals(frame)) throw new Error(`the answer is ${answer.toString('hex')}`);
  // The kernel's word that the answer is written may come after the answer.
  await setImmediate();
  await setImmediate();
}

/** The functions of ours that ran since the last call. */
async function takeRan(session: Session): Promise<Ran[]> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  return result
    .filter(({ url }) => OURS.test(url))
    .flatMap(({ url, scriptId, functions }) =>
      functions.map(({ functionName: name, ranges: [range] }) => ({
        ...{ url, scriptId, name },
        ...{ start: range!.startOffset, end: range!.endOffset, calls: range!.count },
      })),
    )
    .filter(({ calls }) => calls > 0);
}

function placeOf(source: string, offset: number): { lineNumber: number; columnNumber: number } {
  const before = source.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { lineNumber: before.split('\n').length - 1, columnNumber: offset - lineStart };
}

/** A breakpoint at the first statement of a function that notes its index, and never stops. */
async function noteFirstCall(session: Session, ran: Ran, index: number): Promise<void> {
  const { scriptId } = ran;
  const { scriptSource } = await session.post('Debugger.getScriptSource', { scriptId });
  const { locations } = await session.post('Debugger.getPossibleBreakpoints', {
    start: { scriptId, ...placeOf(scriptSource, ran.start) },
    end: { scriptId, ...placeOf(scriptSource, ran.end) },
  });
  const [location] = locations;
  if (location === undefined) throw new Error(`no place for a breakpoint in ${ran.name}`);
  const condition = `${ORDER}.add(${index}) === undefined`;
  await session.post('Debugger.setBreakpoint', { location, condition });
}

/** Counts the calls of one message, then runs another with breakpoints for the order: counts have none. */
async function record(client: Socket): Promise<Ran[]> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  for (let i = 0; i < WARM_UP; i++) await exchange(client);
  await takeRan(session);
  await exchange(client);
  const ran = await takeRan(session);
  await session.post('Profiler.stopPreciseCoverage');

  const order = new Set<number>();
  Object.assign(globalThis, { [ORDER]: order });
  await session.post('Debugger.enable');
  for (const [index, one] of ran.entries()) await noteFirstCall(session, one, index);
  await exchange(client);
  session.disconnect();
  const missing = ran.filter((_, index) => !order.has(index)).map(({ name }) => name);
  if (missing.length > 0) throw new Error(`ran for one message only: ${missing.join(', ')}`);
  return [...order].map((index) => ran[index]!);
}

/** Serves clients with this pipeline, and records the way of one message through it. */
async function walk(
  initializer: Parameters<ServerBootstrap['childHandler']>[0],
): Promise<Pick<Ran, 'url' | 'name' | 'calls'>[]> {
  await using server = await new ServerBootstrap()
    .childHandler(initializer)
    .bind({ host: '127.0.0.1', port: 0 });
  const client = connect(server.port, '127.0.0.1');
  client.setNoDelay(true);
  await once(client, 'connect');
  try {
    const ran = await record(client);
    return ran.map(({ url, name, calls }) => ({ url, name, calls }));
  } finally {
    client.destroy();
  }
}

const decoder = (): LengthFieldFrameDecoder =>
  new LengthFieldFrameDecoder({
    maxFrameLength: 65_536,
    lengthFieldLength: 4,
    initialBytesToStrip: 4,
  });
const prepender = (): LengthFieldPrepender => new LengthFieldPrepender({ lengthFieldLength: 4 });
/** The application: its one line is no file of ours. */
const application = (): Handler => ({
  channelRead: (ctx, message) => void ctx.writeAndFlush(message),
});

const framed = await walk(pipeline().add(decoder, prepender, application));
const usual = await walk(
  pipeline().add(
    () => new IdleStateHandler({ readerIdleMs: 120_000 }),
    decoder,
    prepender,
    () => new StringCodec(),
    () => new EchoHandler(),
  ),
);
console.log(JSON.stringify({ framed, usual }));
