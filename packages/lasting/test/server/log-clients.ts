// Clients of log-process.ts, many in one process: arguments are how many, the number of the first, the load, and the ports of the
// servers. Answers orders: `begin`, `round` when each client has been answered a further call and has had a further notice,
// `counts`, and `finish` when all is over and everything has arrived. Each answer is a {@link ClientCounts}.
import { lengthPrefixed } from '@headrace/codec';
import { Bootstrap, type Channel, type Context, silentLogger } from '@headrace/core';
import { ReadTimeoutHandler } from '@headrace/handlers';
import { LastingBootstrap, LinkResumedEvent, linksOf } from '@headrace/lasting';
import { type BinaryExchange, binaryExchange, ExchangeHandler } from '@headrace/rpc';
import { bodyOf, loadFrom, numbersIn, WINDOW_MS } from './numbered-exchange.ts';

/** Sums of all clients of a process. */
export interface ClientCounts {
  /** Messages that were said, and calls among them. */
  readonly said: number;
  readonly calls: number;
  readonly answered: number;
  readonly notices: number;
  readonly resumed: number;
  readonly unanswered: number;
  /** Longest time of a client without a link, in milliseconds. */
  readonly longestAwayMs: number;
  /** Longest pause between two tries, in milliseconds. */
  readonly longestPauseMs: number;
  readonly wrong: string | undefined;
}

const MAX_UNANSWERED = 32;
const RESPONSE = 2;
const NOTIFICATION = 5;

const [count, first, loadText, ...ports] = process.argv.slice(2) as [
  string,
  string,
  string,
  ...string[],
];
const load = loadFrom(loadText);
const options = { logger: silentLogger };
const format = binaryExchange();

class NumberedClient {
  said = 0;
  calls = 0;
  answered = 0;
  notices = 0;
  resumed = 0;
  longestAwayMs = 0;
  longestPauseMs = 0;
  wrong: string | undefined = undefined;
  private readonly number: number;
  private lastAnswered = 0;
  private readonly open = new Set<number>();
  private exchange!: ExchangeHandler<BinaryExchange>;
  private channel!: Channel;
  private timer: NodeJS.Timeout | undefined = undefined;
  private wait: { readonly isOver: () => boolean; readonly resolve: () => void } | undefined;

  constructor(number: number) {
    this.number = number;
  }

  async begin(): Promise<void> {
    // As many clients begin at each server.
    const addresses = ports.map((_, index) => {
      const port = Number(ports[(this.number + index) % ports.length]);
      return { host: '127.0.0.1', port };
    });
    this.exchange = new ExchangeHandler({ format, timeoutMs: false, handle: () => undefined });
    this.channel = await new LastingBootstrap({
      bootstrap: new Bootstrap().options(options).handler(({ pipeline }) => {
        if (load.silenceMs > 0)
          pipeline.addLast(new ReadTimeoutHandler({ timeoutMs: load.silenceMs }));
        pipeline.addLast(...lengthPrefixed({ maxFrameLength: 65_536 }));
      }),
      addresses,
      windowMs: WINDOW_MS,
      ...(load.retryMs > 0 && { retry: () => load.retryMs * (0.2 + 0.8 * Math.random()) }),
      ...options,
    })
      .handler(({ pipeline }) =>
        pipeline.addLast(
          {
            channelRead: (ctx: Context, frame: Buffer) => {
              this.reads(frame);
              ctx.fireChannelRead(frame);
            },
            userEventTriggered: (ctx: Context, event: unknown) => {
              if (event instanceof LinkResumedEvent) {
                this.resumed += 1;
                this.longestAwayMs = Math.max(this.longestAwayMs, event.awayMs);
              }
              ctx.fireUserEventTriggered(event);
            },
          },
          this.exchange,
        ),
      )
      .connect();
    linksOf(this.channel).on('state', (state) => {
      if (state.name !== 'waiting') return;
      this.longestPauseMs = Math.max(this.longestPauseMs, state.delayMs);
    });
    this.channel.onClosed(({ closeInfo }) =>
      this.accuse(`closed as ${closeInfo?.reason}: ${closeInfo?.error?.message}`),
    );
    this.timer = setInterval(() => this.tick(), load.tickMs);
  }

  get unanswered(): number {
    return this.open.size;
  }

  private accuse(text: string): void {
    this.wrong ??= `client ${this.number}: ${text}`;
    this.look();
  }

  private reads(frame: Buffer): void {
    const { client, number, notices } = numbersIn(frame);
    if (client !== this.number) this.accuse(`got a message of ${client}`);
    if (frame[0] === NOTIFICATION) {
      if (number !== this.notices + 1) this.accuse(`notice ${number} came after ${this.notices}`);
      this.notices = number;
      this.look();
    } else if (frame[0] === RESPONSE) {
      if (!this.open.delete(number)) this.accuse(`call ${number} was answered twice`);
      if (notices !== this.notices)
        this.accuse(
          `${notices} notices were written before answer ${number}, ${this.notices} came`,
        );
    } else this.accuse(`got a frame of kind ${frame[0]}`);
  }

  private tick(): void {
    if (!this.channel.isWritable || this.open.size >= MAX_UNANSWERED) return;
    void this.call();
    for (let left = load.perTick - 1; left > 0 && this.channel.isWritable; left -= 1) {
      this.said += 1;
      this.exchange.notify(bodyOf(this.number, this.said)).onSettled(() => {});
    }
  }

  /** @param isLast - nothing follows, and the server says how many have come */
  private async call(isLast = false): Promise<number> {
    this.said += 1;
    this.calls += 1;
    const { said } = this;
    this.open.add(said);
    try {
      const answer = await this.exchange.request(bodyOf(this.number, said, isLast ? said : 0));
      this.answered += 1;
      const { number, came } = numbersIn(answer);
      if (number !== said) this.accuse(`call ${said} has the answer of ${number}`);
      this.lastAnswered = Math.max(this.lastAnswered, said);
      this.look();
      return came;
    } catch (thrown) {
      this.accuse(`call ${said} failed: ${(thrown as Error).message}`);
      return -1;
    }
  }

  private look(): void {
    const { wait } = this;
    if (wait === undefined || (this.wrong === undefined && !wait.isOver())) return;
    this.wait = undefined;
    wait.resolve();
  }

  private until(isOver: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.wait = { isOver, resolve };
      this.look();
    });
  }

  heard(): Promise<void> {
    const { said, notices } = this;
    return this.until(() => this.lastAnswered > said && this.notices > notices);
  }

  async finish(): Promise<void> {
    clearInterval(this.timer);
    await this.until(() => this.answered === this.calls);
    const came = await this.call(true);
    if (came !== this.said) this.accuse(`${came} of ${this.said} messages have come`);
    const { unknownAnswers, lateAnswers } = this.exchange.counts;
    if (unknownAnswers + lateAnswers > 0) this.accuse('there were further answers');
  }
}

const clients = Array.from(
  { length: Number(count) },
  (_, index) => new NumberedClient(Number(first) + index),
);

function counts(): ClientCounts {
  const sum = (of: (client: NumberedClient) => number) =>
    clients.reduce((all, client) => all + of(client), 0);
  return {
    said: sum(({ said }) => said),
    calls: sum(({ calls }) => calls),
    answered: sum(({ answered }) => answered),
    notices: sum(({ notices }) => notices),
    resumed: sum(({ resumed }) => resumed),
    unanswered: sum(({ unanswered }) => unanswered),
    longestAwayMs: Math.max(...clients.map(({ longestAwayMs }) => longestAwayMs)),
    longestPauseMs: Math.max(...clients.map(({ longestPauseMs }) => longestPauseMs)),
    wrong: clients.find(({ wrong }) => wrong !== undefined)?.wrong,
  };
}

const ORDERS: Readonly<Record<string, () => Promise<unknown>>> = {
  begin: async () => {
    for (let at = 0; at < clients.length; at += 50) {
      await Promise.all(clients.slice(at, at + 50).map((client) => client.begin()));
    }
  },
  round: () => Promise.all(clients.map((client) => client.heard())),
  counts: async () => {},
  finish: () => Promise.all(clients.map((client) => client.finish())),
};

process.on('message', async (order) => {
  await ORDERS[String(order)]!();
  process.send!(counts());
});
process.on('disconnect', () => process.exit());
process.send!('ready');
