// The page's program: a lasting channel through the port of the address, and another one when that is gone.
import { fixed } from '@headrace/client';
import {
  type Channel,
  type Context,
  type Handler,
  isHeadraceError,
  type ReadHold,
} from '@headrace/core';
import { Buffer } from '@headrace/core/buffer';
import { emptyFrameHeartbeat, HeartbeatHandler } from '@headrace/handlers';
import {
  LASTING_ERRORS,
  LastingBootstrap,
  LinkLostEvent,
  LinkResumedEvent,
  unacknowledged,
} from '@headrace/lasting';
import { type BinaryExchange, binaryExchange, ExchangeHandler } from '@headrace/rpc';
import { WebSocketBinaryCodec, WebSocketBootstrap } from '@headrace/websocket';
import { Ledger, NumberedTalk } from './numbered-talk.ts';
import { BUSY, CREDIT_BYTES, type TalkingPage, TICK_MS } from './settings.ts';

declare const location: { readonly search: string };

const query = new URLSearchParams(location.search);
const ledger = new Ledger(Number(query.get('count') ?? Number.POSITIVE_INFINITY));
const ends: TalkingPage['ends'] = [];
const heartbeat = { format: emptyFrameHeartbeat(), intervalMs: 300, timeoutMs: 300, maxMissed: 2 };
const links = new WebSocketBootstrap().handler((link) =>
  link.pipeline.addLast(new WebSocketBinaryCodec(), new HeartbeatHandler(heartbeat)),
);

/** Holds reads now and then; with a link that is lost meanwhile, until there is another, however long the browser waits. */
class BusyHandler implements Handler {
  private messages = 0;
  private hold: ReadHold | undefined;
  private isLinked = true;

  channelRead(ctx: Context, message: unknown): void {
    ctx.fireChannelRead(message);
    this.messages += 1;
    if (this.messages % BUSY.afterMessages !== 0 || this.hold !== undefined) return;
    this.hold = ctx.channel.holdReads('the page is busy');
    setTimeout(() => {
      if (this.isLinked) this.release();
    }, BUSY.ms);
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof LinkLostEvent) this.isLinked = false;
    if (event instanceof LinkResumedEvent) {
      this.isLinked = true;
      this.release();
    }
    ctx.fireUserEventTriggered(event);
  }

  private release(): void {
    this.hold?.release();
    this.hold = undefined;
  }
}

let current: Channel | undefined;
let ticks = 0;

async function open(): Promise<void> {
  const channel = await new LastingBootstrap({
    bootstrap: links,
    addresses: [`ws://127.0.0.1:${query.get('port')}/talk`],
    retry: fixed(20),
    windowMs: Number(query.get('window')),
    creditBytes: CREDIT_BYTES,
  })
    .handler(({ pipeline }) =>
      pipeline.addLast(
        new BusyHandler(),
        new NumberedTalk(ledger),
        new ExchangeHandler<BinaryExchange>({ format: binaryExchange(), timeoutMs: 60_000 }),
      ),
    )
    .connect();
  current = channel as Channel;
  current.onClosed(() => ended(channel as Channel));
}

function ended(channel: Channel): void {
  const { reason, error } = channel.closeInfo ?? {};
  const open_ = unacknowledged(channel).map((bytes) => bytes.readUInt32BE(1));
  ends.push({
    reason: String(reason),
    code: isHeadraceError(error) ? error.code : '',
    unacknowledged: [open_[0] ?? 0, open_.at(-1) ?? 0],
    written: ledger.written,
  });
  if (isHeadraceError(error, LASTING_ERRORS.RESUME_GONE)) void open();
}

const page: TalkingPage = {
  ledger,
  ends,
  call: async (text) => {
    const exchange = current!.pipeline.get(ExchangeHandler)!;
    return String(await exchange.request(Buffer.from(text)));
  },
  stop: () => {
    ledger.limit = ledger.written;
    return ledger.limit;
  },
  unacknowledged: () => unacknowledged(current!).length,
  ticks: () => ticks,
};
setInterval(() => {
  ticks += 1;
}, TICK_MS);
Object.assign(globalThis, { page });
await open();
