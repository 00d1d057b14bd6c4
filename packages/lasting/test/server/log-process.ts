// A server of lasting channels that are in a log, run as a process by log.heavy.test.ts and log.smoke.test.ts: arguments are the log, the ports of its
// servers, the port of this one, and the load. It says `{ port }` when it serves, what is wrong as `{ wrong }`, and how channels have
// ended and what it logs, as `{ note }`. At SIGTERM it gives
// its channels up into the log, says `{ over }`, and ends; killed, it leaves them there.
import { openBus } from '@headrace/bus';
import { natsBus } from '@headrace/bus/nats';
import { redisBus } from '@headrace/bus/redis';
import { lengthPrefixed } from '@headrace/codec';
import {
  AttributeKey,
  type Channel,
  type Context,
  type Handler,
  type Logger,
  ServerBootstrap,
} from '@headrace/core';
import { PRINCIPAL } from '@headrace/handlers';
import { holdMessage } from '@headrace/handlers/call';
import {
  type LastingChannel,
  ResumeHandler,
  ResumeTable,
  type SessionLog,
} from '@headrace/lasting';
import { sessionLogOf } from '@headrace/lasting/log';
import { binaryExchange, ExchangeHandler } from '@headrace/rpc';
import { bodyOf, loadFrom, numbersIn, WINDOW_MS } from './numbered-exchange.ts';
import { primaryLog } from './primary-log.ts';

export type LogName = 'primary' | 'redis' | 'jetstream';

/** What a process has to say before it ends. */
export interface OverReport {
  readonly moved: number;
  readonly failures: readonly string[];
  readonly left: number;
}

/** What is known of a client. */
interface Account {
  client: number;
  /** Messages that came; they are numbered from 1. */
  came: number;
  /** Notices that were written; the same. */
  notices: number;
  /** The client says nothing more, and wants nothing more. */
  isDone: boolean;
}

const [logName, logPorts, port, loadText] = process.argv.slice(2) as [
  LogName,
  string,
  string,
  string,
];
const load = loadFrom(loadText);
const GONE = / is gone: /;
const logger: Logger = {
  log: (level, text) => {
    // The reason is told to nobody else. A client that takes it for true accuses: it may have left this link, and have been given
    // another secret since.
    if (GONE.test(text) || level !== 'debug') process.send!({ note: text });
  },
};
const options = { logger };
const format = binaryExchange();
const ACCOUNT = new AttributeKey<Account>('account');
/** Some calls are answered at once, some late. */
const CALL_MS = [0, 5, 40, 300, 2000];

function accuse(text: string): void {
  process.send!({ wrong: text });
}

/** Counts what comes, before it is known what it is. */
function counting(channel: Channel): Handler {
  return {
    channelRead(ctx: Context, frame: Buffer): void {
      const { client, number } = numbersIn(frame);
      const account = channel.attributes.get(ACCOUNT)!;
      if (account.came === 0) {
        account.client = client;
        channel.attributes.set(PRINCIPAL, { client });
      }
      const hold = holdMessage(channel);
      hold?.release();
      if (hold?.isRepeated === true) {
        if (client !== account.client || number > account.came)
          accuse(`${number} of ${client} is repeated, and ${account.came} have come`);
      } else {
        if (client !== account.client || number !== account.came + 1)
          accuse(`${number} of ${client} came after ${account.came} of ${account.client}`);
        account.came = number;
      }
      ctx.fireChannelRead(frame);
    },
  };
}

function answerTo(channel: Channel, request: Buffer): Buffer {
  const { number } = numbersIn(request);
  const { client, came, notices } = channel.attributes.get(ACCOUNT)!;
  return bodyOf(client, number, came, notices);
}

const childHandler = (channel: LastingChannel): void => {
  channel.attributes.set(ACCOUNT, { client: -1, came: 0, notices: 0, isDone: false });
  const exchange = new ExchangeHandler({
    format,
    concurrency: 8,
    handle: (request: Buffer, { wantsAnswer }) => {
      if (!wantsAnswer) return undefined;
      const account = channel.attributes.get(ACCOUNT)!;
      const { number } = numbersIn(request);
      if (numbersIn(request).came === number) account.isDone = true;
      const ms = account.isDone ? 0 : CALL_MS[number % CALL_MS.length]!;
      if (ms === 0) return answerTo(channel, request);
      return new Promise<Buffer>((resolve) => {
        setTimeout(() => resolve(answerTo(channel, request)), ms);
      });
    },
  });
  channel.pipeline.addLast(counting(channel), exchange);
  const timer = setInterval(() => {
    const account = channel.attributes.get(ACCOUNT)!;
    if (account.isDone || account.came === 0) return;
    for (let left = load.perTick; left > 0 && channel.isWritable; left -= 1) {
      account.notices += 1;
      exchange.notify(bodyOf(account.client, account.notices)).onSettled(() => {});
    }
  }, load.tickMs);
  channel.onClosed(({ closeInfo }) => {
    clearInterval(timer);
    const { client } = channel.attributes.get(ACCOUNT)!;
    const { reason, error } = closeInfo!;
    if (reason !== 'moved' && process.connected)
      process.send!({ note: `${channel} of ${client} closed as ${reason}: ${error?.message}` });
  });
};

function openLog(): SessionLog {
  if (logName === 'primary') return primaryLog();
  const app = 'test';
  const ports = logPorts.split(',');
  const bus =
    logName === 'redis'
      ? redisBus({ url: `redis://127.0.0.1:${ports[0]}` })
      : natsBus({
          servers: ports.map((each) => `nats://127.0.0.1:${each}`),
          replicas: ports.length,
        });
  return sessionLogOf(openBus(bus, { app, logger }), { app, keepMs: 2 * WINDOW_MS });
}

const table = new ResumeTable({ log: openLog(), windowMs: WINDOW_MS });
const server = await new ServerBootstrap()
  .options(options)
  .childOptions(options)
  .childHandler(({ pipeline }) =>
    pipeline.addLast(
      ...lengthPrefixed({ maxFrameLength: 65_536 }),
      new ResumeHandler({
        table,
        childHandler,
        save: (channel) => ({ ...channel.attributes.get(ACCOUNT)! }),
        restore: (channel, saved) => void channel.attributes.set(ACCOUNT, saved as Account),
      }),
    ),
  )
  .bind({ host: '127.0.0.1', port: Number(port), backlog: 1024 });

async function over(): Promise<void> {
  const { moved, failures } = await table.handOver();
  const texts = failures.map(({ message }) => message);
  const report: OverReport = { moved, failures: texts, left: table.size };
  await server.shutdown({ drainTimeoutMs: 500 });
  process.send!({ over: report }, () => process.exit());
}

process.on('SIGTERM', () => void over());
process.on('disconnect', () => process.exit());
process.send!({ port: server.port });
