// A server of lasting channels with calls, run as a process by hand-over.heavy.test.ts and hand-over.smoke.test.ts. Reports its
// port; takes lasting channels at a socket of its own; `over PATH` gives all that it has to the process there, which is answered by
// a report, after which it ends.
import { lengthPrefixed } from '@headrace/codec';
import {
  AttributeKey,
  Bootstrap,
  type Channel,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { PRINCIPAL } from '@headrace/handlers';
import {
  type LastingChannel,
  ResumeHandler,
  ResumeTable,
  sessionsOver,
  takesSessions,
} from '@headrace/lasting';
import { binaryExchange, ExchangeHandler } from '@headrace/rpc';

/** What a process has to say before it ends. */
export interface OverReport {
  readonly moved: number;
  readonly failures: readonly string[];
  readonly wrong: string | undefined;
  readonly left: number;
}

/** What is known of a client. */
interface Account {
  client: number;
  /** Calls and other messages that came; they are numbered from 1. */
  came: number;
  /** Notices that were written; the same. */
  notices: number;
}

const TICK_MS = 1000;
const NOTICES = 50;
const LONGEST_CALL_MS = 30;

const [path, port, isFirst] = process.argv.slice(2) as [string, string, string];
const options = { logger: silentLogger };
const format = binaryExchange();
const framing = () => lengthPrefixed({ maxFrameLength: 4 * 1024 * 1024 });
const ACCOUNT = new AttributeKey<Account>('account');
let wrong: string | undefined;

function called(
  account: Account,
  channel: Channel,
  request: Buffer,
  wantsAnswer: boolean,
): Promise<Buffer> | undefined {
  const client = request.readUInt32BE(0);
  const number = request.readUInt32BE(4);
  if (account.came === 0) {
    account.client = client;
    channel.attributes.set(PRINCIPAL, { client });
  }
  if (client !== account.client || number !== account.came + 1) {
    wrong ??= `message ${number} of ${client} came after ${account.came} of ${account.client}`;
  }
  account.came = number;
  if (!wantsAnswer) return undefined;
  const answer = Buffer.from(request);
  return new Promise((resolve) => {
    setTimeout(() => resolve(answer), Math.random() * LONGEST_CALL_MS);
  });
}

const childHandler = (channel: LastingChannel): void => {
  const account: Account = { client: -1, came: 0, notices: 0 };
  channel.attributes.set(ACCOUNT, account);
  const exchange = new ExchangeHandler({
    format,
    handle: (request, { wantsAnswer }) =>
      called(channel.attributes.get(ACCOUNT)!, channel, request, wantsAnswer),
  });
  channel.pipeline.addLast(exchange);
  const timer = setInterval(() => {
    const present = channel.attributes.get(ACCOUNT)!;
    for (let left = NOTICES; left > 0 && present.came > 0 && channel.isWritable; left -= 1) {
      const notice = Buffer.alloc(4);
      notice.writeUInt32BE(present.notices + 1);
      // One that is written while the channel is on its way fails if it arrives: the next process writes that number.
      present.notices += 1;
      exchange.notify(notice).onSettled(() => {});
    }
  }, TICK_MS);
  channel.onClosed(() => clearInterval(timer));
};

const table = new ResumeTable();
const expected = isFirst === 'first' ? () => {} : table.expectSessions();
const takes = takesSessions({
  table,
  childHandler,
  childOptions: options,
  restore: (channel, saved) => void channel.attributes.set(ACCOUNT, saved as Account),
});
const carrier = await new ServerBootstrap()
  .options(options)
  .childOptions(options)
  .childHandler(({ pipeline }) => {
    const handle = (request: Buffer, scope: Parameters<typeof takes>[1]) => {
      const answer = takes(request, scope);
      expected();
      return answer;
    };
    pipeline.addLast(...framing(), new ExchangeHandler({ format, handle }));
  })
  .bind({ path });
const server = await new ServerBootstrap()
  .options(options)
  .childOptions(options)
  .childHandler(({ pipeline }) =>
    pipeline.addLast(...framing(), new ResumeHandler({ table, childHandler })),
  )
  .bind({ host: '127.0.0.1', port: Number(port) });

async function over(to: string): Promise<void> {
  const exchange = new ExchangeHandler({ format });
  await new Bootstrap()
    .options(options)
    .handler(({ pipeline }) => pipeline.addLast(...framing(), exchange))
    .connect({ path: to });
  const { moved, failures } = await table.handOver({
    to: sessionsOver(exchange),
    save: (channel) => channel.attributes.get(ACCOUNT),
    concurrency: 32,
  });
  const report: OverReport = {
    moved,
    failures: failures.map(({ message }) => message),
    wrong,
    left: table.size,
  };
  carrier.channel.close();
  process.send!(report, () => process.exit());
}

process.on('message', (message) => void over(String(message)));
process.on('disconnect', () => process.exit());
process.send!(server.port);
