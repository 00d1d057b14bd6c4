import type { EngineBusOptions } from '@headrace/bus';
import { Cluster } from '@headrace/cluster';
import { lengthPrefixed } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  type Logger,
  MemoryTransport,
  silentLogger,
} from '@headrace/core';
import { binaryExchange, ExchangeHandler } from '@headrace/rpc';
import { type BusChoice, busOf } from './bus-choice.ts';

/** How the peer of a member answers. */
export type MemberKind = 'quick' | 'slow' | 'silent' | 'refusing';

const MAX_LENGTH = 1000;
/** For what hangs only. */
const LIMIT_MS = 30_000;

/** A node whose members have peers in its process, each of which answers questions in its own way. */
export class AskedNode {
  readonly cluster: Cluster;
  readonly room;
  /** Questions that the asker gave up. */
  cancelled = 0;
  /** What may end a question here: nodes that come and go, and what the cluster logs. */
  private readonly reasons: string[];
  private readonly slow: (() => void)[] = [];

  private constructor(cluster: Cluster, reasons: string[]) {
    this.cluster = cluster;
    this.reasons = reasons;
    cluster.on('nodeJoined', ({ id }) => this.saw(`${id} is there`));
    cluster.on('nodeLeft', ({ id }, reason) => this.saw(`${id} is gone: ${reason}`));
    cluster.on('down', () => this.saw('the bus is down'));
    cluster.on('up', () => this.saw('the bus is up'));
    this.room = cluster.group('asked', { presence: 'ids', idOf: ({ id }) => id });
  }

  static async join(choice: BusChoice): Promise<AskedNode> {
    const patience: EngineBusOptions = { connectTimeoutMs: LIMIT_MS };
    const bus = busOf(choice, patience);
    const reasons: string[] = [];
    const logger: Logger = { log: (level, text) => void reasons.push(lineOf(`${level} ${text}`)) };
    const options = { app: 'asked', bus, logger, joinTimeoutMs: LIMIT_MS };
    return new AskedNode(await Cluster.join(options), reasons);
  }

  /** For a test that fails: what happened here, by the time of day. */
  told(): string {
    const { cluster, cancelled, reasons } = this;
    return [`node ${cluster.nodeId}, ${cancelled} cancelled`, ...reasons].join('\n  ');
  }

  private saw(what: string): void {
    this.reasons.push(lineOf(what));
  }

  /** Adds members of each kind. */
  async add(counts: Readonly<Record<MemberKind, number>>): Promise<void> {
    for (const [kind, count] of Object.entries(counts)) {
      for (let i = 0; i < count; i += 1) this.room.add(await this.member(kind as MemberKind));
    }
  }

  /** The slow ones answer what they were asked. */
  release(): number {
    const { length } = this.slow;
    for (const answer of this.slow.splice(0)) answer();
    return length;
  }

  private async member(kind: MemberKind): Promise<Channel> {
    const [near, far] = MemoryTransport.pair();
    await connect(far, (question, signal) => this.answer(kind, question, signal));
    return await connect(near);
  }

  private async answer(kind: MemberKind, question: Buffer, signal: AbortSignal): Promise<Buffer> {
    if (kind === 'refusing') throw new Error('no');
    if (kind === 'slow') await new Promise<void>((resolve) => this.slow.push(resolve));
    if (kind === 'silent') {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      this.cancelled += 1;
    }
    return Buffer.from(`${kind} ${question}`);
  }
}

function lineOf(what: string): string {
  return `${new Date().toISOString()} ${what}`;
}

async function connect(
  transport: MemoryTransport,
  handle?: (question: Buffer, signal: AbortSignal) => Promise<Buffer>,
): Promise<Channel> {
  const format = binaryExchange();
  const answers = handle && {
    handle: (body: Buffer, scope: { signal: AbortSignal }) => handle(body, scope.signal),
  };
  return await new Bootstrap()
    .options({ logger: silentLogger })
    .handler(({ pipeline }) =>
      pipeline.addLast(
        ...lengthPrefixed({ maxFrameLength: MAX_LENGTH }),
        new ExchangeHandler({ format, ...answers }),
      ),
    )
    .connect({ transport });
}
