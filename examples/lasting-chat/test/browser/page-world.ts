// A browser, a server, a proxy between them, and a page: what each test of a talk begins with, and its end.
import { expect } from 'vitest';
import {
  CuttingProxy,
  type CuttingProxyOptions,
} from '../../../../packages/core/test/fixture/cutting-proxy.ts';
import { randomFrom } from '../../../../packages/core/test/fixture/random.ts';
import { SEED } from '../../../../packages/core/test/fixture/seed.ts';
import type { DrivenPage } from './driven-page.ts';
import { Ledger } from './numbered-talk.ts';
import { TalkServer, type TalkServerOptions, type TalkStore } from './talk-server.ts';

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

  /** Shows the page's program, which begins to talk. */
  async show(page: DrivenPage): Promise<void> {
    await page.goto(this.url);
    await this.store.ledger.reached(1);
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
  async goOn(page: DrivenPage, count: number): Promise<void> {
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

  async end(): Promise<void> {
    await this.proxy.close();
    await this.server.close();
  }
}
