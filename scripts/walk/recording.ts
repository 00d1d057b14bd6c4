// Records what one message runs: a frame to a server over TCP, and its answer. Prints as JSON which functions
// of packages/*/src ran, by file, in order of their first call. Started by walk.ts.
import { once } from 'node:events';
import { type Debugger, Session } from 'node:inspector/promises';
import { connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { LengthFieldFrameDecoder, LengthFieldPrepender } from '@headrace/codec';
import { type Handler, pipeline, ServerBootstrap } from '@headrace/core';

/** A function that ran. */
interface Ran {
  readonly path: string;
  readonly name: string;
  readonly scriptId: string;
  readonly start: number;
  readonly end: number;
}

/** How often the message goes there and back first: what happens once per connection is no part of the walk. */
const WARM_UP = 5;
/** The list that breakpoints write to; they see nothing but globals. */
const ORDER = '__headraceWalk';

/** One message and its answer, and what is due in the same turn of the event loop. */
async function exchange(client: Socket): Promise<void> {
  const frame = Buffer.from('\0\0\0\x05hello', 'latin1');
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
  return result.flatMap(({ url, scriptId, functions }) => {
    const [path] = /packages\/[^/]+\/src\/.*$/.exec(url) ?? [];
    if (path === undefined) return [];
    return functions.flatMap(({ functionName: name, ranges: [range] }) =>
      range!.count === 0
        ? []
        : [{ path, name, scriptId, start: range!.startOffset, end: range!.endOffset }],
    );
  });
}

function placeIn({ scriptId }: Ran, source: string, offset: number): Debugger.Location {
  const lines = source.slice(0, offset).split('\n');
  return { scriptId, lineNumber: lines.length - 1, columnNumber: lines.at(-1)!.length };
}

/** A breakpoint at the first statement of a function that notes its index, and never stops. */
async function noteFirstCall(session: Session, ran: Ran, index: number): Promise<void> {
  const { scriptId, start, end } = ran;
  const { scriptSource } = await session.post('Debugger.getScriptSource', { scriptId });
  const { locations } = await session.post('Debugger.getPossibleBreakpoints', {
    start: placeIn(ran, scriptSource, start),
    end: placeIn(ran, scriptSource, end),
  });
  const [location] = locations;
  if (location === undefined) throw new Error(`no place for a breakpoint in ${ran.name}`);
  const condition = `${ORDER}.add(${index}) === undefined`;
  await session.post('Debugger.setBreakpoint', { location, condition });
}

/** Finds what one message runs, then runs another with breakpoints for the order: coverage has none. */
async function record(client: Socket): Promise<Record<string, string[]>> {
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
  const walk: Record<string, string[]> = {};
  for (const index of order) {
    const { path, name } = ran[index]!;
    walk[path] ??= [];
    walk[path].push(name);
  }
  return walk;
}

/** Serves a client with this pipeline, and records the way of one message through it. */
async function walk(
  initializer: Parameters<ServerBootstrap['childHandler']>[0],
): Promise<Record<string, string[]>> {
  await using server = await new ServerBootstrap()
    .childHandler(initializer)
    .bind({ host: '127.0.0.1', port: 0 });
  const client = connect(server.port, '127.0.0.1');
  client.setNoDelay(true);
  await once(client, 'connect');
  try {
    return await record(client);
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

console.log(JSON.stringify(await walk(pipeline().add(decoder, prepender, application))));
