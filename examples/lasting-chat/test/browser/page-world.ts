// A browser, a server, a proxy between them, and a page: what each test of a talk begins with, and its end.
import { setTimeout } from 'node:timers/promises';
import { expect } from 'vitest';
import {
  CuttingProxy,
  type CuttingProxyOptions,
} from '../../../../packages/core/test/fixture/cutting-proxy.ts';
import { randomFrom } from '../../../../packages/core/test/fixture/random.ts';
import { SEED } from '../../../../packages/core/test/fixture/seed.ts';
import type { DrivenPage } from './driven-page.ts';
import { Ledger } from './numbered-talk.ts';
import type { EndedChannel } from './settings.ts';
import { TalkServer, type TalkServerOptions, type TalkStore } from './talk-server.ts';

/** The page's end of a talk, in one look. */
type StateOfPage = Pick<Ledger, 'taken'> & {
  readonly wrong: string | null;
  readonly ends: readonly EndedChannel[];
};

const STATE_OF_PAGE =
  '({ taken: page.ledger.taken, wrong: page.ledger.wrong ?? null, ends: page.ends })';
const POLL_MS = 50;

/** A talk of which nothing came for so long will not go on: longer than cuts, stalls, and what Firefox waits before it dials again. */
const QUIET_MS = 20_000;

/** Longer than a test waits. */
export const LONG_WINDOW_MS = 600_000;

export interface WorldOptions {
  readonly program: string;
  /** How many messages each end writes. @default without end, until {@link PageWorld.stop} */
  readonly count?: number;
  readonly windowMs?: number;
  readonly weather?: Omit<CuttingProxyOptions, 'random'>;
}

export class PageWorld {
  readonly store: TalkStore;
  readonly proxy: CuttingProxy;
  server: TalkServer;
  private readonly settings: Omit<TalkServerOptions, 'port' | 'table'>;
  private readonly url: string;

  private constructor(
    server: TalkServer,
    proxy: CuttingProxy,
    url: string,
    settings: Omit<TalkServerOptions, 'port' | 'table'>,
  ) {
    this.server = server;
    this.proxy = proxy;
    this.url = url;
    this.settings = settings;
    this.store = settings.store;
  }

  static async begin(options: WorldOptions): Promise<PageWorld> {
    const { program, count, windowMs = LONG_WINDOW_MS } = options;
    const weather = options.weather ?? { maxCuts: 0, maxBytes: 0 };
    const store: TalkStore = { ledger: new Ledger(count), executed: [], cancelled: [] };
    const settings = { program, store, windowMs };
    const server = await TalkServer.start(settings);
    const proxy = new CuttingProxy(server.port, { ...weather, random: randomFrom(SEED) });
    const port = await proxy.listen();
    const limit = count === undefined ? '' : `&count=${count}`;
    const url = `http://127.0.0.1:${server.port}/?port=${port}&window=${windowMs}${limit}`;
    return new PageWorld(server, proxy, url, settings);
  }

  /** Shows the page's program, which will talk. */
  async load(page: DrivenPage): Promise<void> {
    await page.goto(this.url);
  }

  /** Shows the page's program, which has begun to talk. */
  async show(page: DrivenPage): Promise<void> {
    await this.load(page);
    await this.store.ledger.reached(1);
  }

  /** The tab shows another page, and goes back. */
  async leaveAndComeBack(page: DrivenPage): Promise<void> {
    await page.goto(new URL('/elsewhere', this.url).href);
    // Later: the page is gone with it, and could not answer.
    await page.evaluate('void setTimeout(() => history.back(), 20)');
  }

  /** The listener ends with its connections and is there again; with the table the process has gone on meanwhile. */
  async restart(keeps: 'the table' | 'nothing'): Promise<void> {
    const { table, port } = this.server;
    if (keeps === 'the table') await this.server.closeListener();
    else await this.server.close();
    const { settings } = this;
    const { channels } = this.server;
    this.server = await TalkServer.start({
      ...settings,
      port,
      ...(keeps === 'the table' && { table }),
    });
    this.server.channels.unshift(...channels);
  }

  /** Both ends have taken `count` more. */
  async sendMore(page: DrivenPage, count: number): Promise<void> {
    const { ledger } = this.store;
    await Promise.all([
      ledger.reached(ledger.taken + count),
      page.evaluate(`page.ledger.reached(page.ledger.taken + ${count})`),
    ]);
  }

  /** Both ends write no more, and wait for what the other one has written; each message came once and in order. */
  async stop(page: DrivenPage): Promise<void> {
    const { ledger } = this.store;
    const ofPage = (await page.evaluate('page.stop()')) as number;
    ledger.limit = ledger.written;
    await this.finish(page, ofPage, ledger.limit);
  }

  async finish(page: DrivenPage, ofPage: number, ofServer: number): Promise<void> {
    const { ledger } = this.store;
    await Promise.all([ledger.reached(ofPage), page.evaluate(`page.ledger.reached(${ofServer})`)]);
    const theirs = await page.evaluate(
      '({ taken: page.ledger.taken, written: page.ledger.written, wrong: page.ledger.wrong ?? null })',
    );
    expect(theirs).toEqual({ taken: ofServer, written: ofPage, wrong: null });
    const { taken, written, wrong = null } = ledger;
    expect({ taken, written, wrong }).toEqual({ taken: ofPage, written: ofServer, wrong: null });
  }

  /** Whether each end takes `count` messages once and in order on one channel: `complete`, or the first thing that is wrong. */
  async verdict(page: DrivenPage, count: number): Promise<string> {
    let [before, since] = [-1, performance.now()];
    for (;;) {
      const ofServer = this.store.ledger;
      const waiting = page.evaluate(STATE_OF_PAGE) as Promise<StateOfPage>;
      waiting.catch(() => {}); // too late, if it is the page's end
      const late = setTimeout(QUIET_MS, undefined, { ref: false });
      const ofPage = await Promise.race([waiting, late]);
      const wrong = ofServer.wrong ?? ofPage?.wrong;
      if (wrong !== undefined && wrong !== null) return wrong;
      if (ofPage === undefined) return 'the page does not answer';
      const [end] = ofPage.ends;
      if (end !== undefined) return `a channel ended: ${end.reason} ${end.code}`;
      const { length } = this.server.channels;
      if (length > 1) return `${length} channels`;
      if (ofServer.taken === count && ofPage.taken === count) return 'complete';
      const taken = ofServer.taken + ofPage.taken;
      if (taken > before) [before, since] = [taken, performance.now()];
      if (performance.now() - since > QUIET_MS) {
        return `not complete: the server has ${ofServer.taken}, the page ${ofPage.taken} of ${count}`;
      }
      await setTimeout(POLL_MS);
    }
  }

  async end(): Promise<void> {
    await this.proxy.close();
    await this.server.close();
  }
}
