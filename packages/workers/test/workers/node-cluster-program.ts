// A cluster of this Node with two workers. It prints, as one line of JSON, what cluster-channel.ts uses and this Node does not have.
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  acknowledgeFor,
  type ClusterMessage,
  type ClusterWatcher,
  isConnection,
  type ListenAnswer,
  type ListenQuestion,
  watchClusterChannel,
} from '../../src/workers/cluster-channel.ts';

/** For what never comes. */
const LIMIT_MS = 20_000;

const missing: string[] = [];
const need = (what: string, isThere: unknown): void => {
  if (!isThere && !missing.includes(what)) missing.push(what);
};

async function comes(what: string, promise: Promise<unknown>): Promise<void> {
  const isThere = await Promise.race([promise.then(() => true), delay(LIMIT_MS, false)]);
  need(what, isThere);
}

/** What one worker and Node's primary say to each other. */
class Watched implements ClusterWatcher {
  readonly worker: Worker;
  readonly gone: () => void;
  readonly isGone: Promise<void>;
  /** The connections that this worker was sent, and has not answered. */
  readonly handles = new Map<unknown, unknown>();
  answered = 0;
  other: Watched | undefined = undefined;
  /** Called with each connection that this worker is sent. */
  onConnection: () => void = () => {};
  /** The numbers of connections of this worker that the other one was sent. */
  readonly elsewhere = new Set<unknown>();
  readonly questions: ListenQuestion[] = [];
  readonly answers: ListenAnswer[] = [];

  constructor() {
    let isOver: () => void;
    this.isGone = new Promise((resolve) => {
      isOver = resolve;
    });
    this.gone = () => isOver();
    this.worker = cluster.fork();
    watchClusterChannel(this.worker.process, [this]);
  }

  received(message: ClusterMessage): void {
    if (message.act === 'queryServer') this.questions.push(message as ListenQuestion);
    if (!this.handles.delete(message.ack)) return;
    this.answered += 1;
    this.other?.elsewhere.delete(message.ack);
  }

  sent(message: ClusterMessage, handle: unknown): void {
    if (message.act === 'newconn') {
      need('newconn has a number (seq)', typeof message.seq === 'number');
      need('newconn has the key of the answer', message.key === this.answers[0]?.key);
      this.handles.set(message.seq, handle);
      this.onConnection();
    } else if (message.ack !== undefined) this.answers.push(message as ListenAnswer);
  }

  instead({ act, seq }: ClusterMessage): Worker['process'] | undefined {
    if (act !== 'newconn' || this.other === undefined) return undefined;
    this.elsewhere.add(seq);
    return this.other.worker.process;
  }
}

/** Returns the process that serves a new connection, or undefined if the connection is reset. */
async function servedBy(port: number): Promise<number | undefined> {
  let text = '';
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('utf8').on('data', (more) => {
    text += more;
  });
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('close', resolve));
  return text === '' ? undefined : Number(text);
}

async function lead(): Promise<void> {
  const [one, two] = [new Watched(), new Watched()];
  const all = [one, two];
  await comes(
    'a worker that listens',
    Promise.all(all.map(({ worker }) => once(worker, 'listening'))),
  );
  for (const { questions, answers } of all) {
    const [question] = questions;
    need('queryServer, as internalMessage', question);
    for (const name of ['seq', 'address', 'addressType', 'index', 'port'] as const) {
      need(`queryServer has ${name}`, question?.[name] !== undefined);
    }
    need('an answer to queryServer, by child.send', answers[0]?.ack === question?.seq);
    need('the answer has the key of a handle', answers[0]?.key);
  }
  const port = Number(one.answers[0]?.sockname?.port);
  need('the answer has the port', port > 0);
  if (missing.length > 0) return;

  one.other = two;
  const served = Promise.all([1, 2, 3, 4].map(() => servedBy(port)));
  await comes('connections through the child.send of another worker', served);
  if (missing.length > 0) return;
  for (const pid of await served) need('the other worker serves', pid === two.worker.process.pid);
  need('a worker acknowledges its connections', two.answered >= 4);

  // The second worker gets two connections, one of them in place of the first, and dies before it answers.
  two.worker.process.kill('SIGSTOP');
  const bothSent = new Promise<void>((resolve) => {
    two.onConnection = () => {
      if (two.handles.size === 2) resolve();
    };
  });
  const reset = Promise.all([servedBy(port), servedBy(port)]);
  await comes('a connection for each worker', bothSent);
  two.worker.process.kill('SIGKILL');
  await comes('the end of the channel of a worker that died', two.isGone);
  for (const handle of two.handles.values()) {
    need('a connection has close()', isConnection(handle));
    need('a connection has reset()', isConnection(handle) && handle.reset?.(() => {}) === 0);
  }
  await comes('the reset of connections that nobody took', reset);
  for (const seq of one.elsewhere) acknowledgeFor(one.worker.process, seq);
  one.other = undefined;
  const last = servedBy(port);
  await comes('a connection after an answer for another worker (acknowledgeFor)', last);
  if (missing.length === 0)
    need('the first worker serves', (await last) === one.worker.process.pid);
}

if (cluster.isPrimary) {
  await lead();
  process.stdout.write(`${JSON.stringify({ missing })}\n`);
  for (const worker of Object.values(cluster.workers!)) worker!.process.kill('SIGKILL');
  process.exit();
}
createServer((socket) => {
  socket.on('error', () => {});
  socket.end(String(process.pid));
}).listen(0, '127.0.0.1');
