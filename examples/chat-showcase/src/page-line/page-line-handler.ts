import type { Context, Handler, Types } from '@headrace/core';
import { principalOf } from '@headrace/handlers';
import { inject, injectable } from '@headrace/inject';
import type { WebSocketInput, WebSocketOutput } from '@headrace/websocket';
import { Room } from '../room/room.ts';
import type { Recent } from '../room/said.ts';
import { WayFeed } from '../room/way-feed.ts';
import { SETTINGS, type Settings } from '../settings/settings.ts';
import { encodePageMessage, type PageMessage, type PageWord, pageWord } from './page-message.ts';
import { UnderTheHood } from './under-the-hood.ts';

/** No page asks more; further words in a second are not answered. */
const MAX_WORDS_PER_SECOND = 20;

/**
 * Answers the page's questions about its own connection, in binary messages, see page-message.ts. All other
 * messages pass.
 *
 * - **Place** first on a WebSocket, before the codec that refuses binary messages: those of
 *   connections that are not signed in, and unknown words.
 */
@injectable()
export class PageLineHandler implements Handler {
  declare readonly types: Types<{
    reads: WebSocketInput;
    passesOn: WebSocketInput;
    writes: WebSocketOutput;
  }>;
  private readonly room: Room;
  private readonly ways: WayFeed;
  private readonly settings: Settings;
  private hasHistory = false;
  private words = 0;
  private wordsSince = 0;
  private unsubscribe: (() => void) | undefined = undefined;
  private hood: UnderTheHood | undefined = undefined;

  constructor(
    @inject(Room) room: Room,
    @inject(WayFeed) ways: WayFeed,
    @inject(SETTINGS) settings: Settings,
  ) {
    this.room = room;
    this.ways = ways;
    this.settings = settings;
  }

  channelRead(ctx: Context, message: WebSocketInput): void {
    const isMember = principalOf(ctx.channel) !== undefined;
    const word = typeof message === 'string' || !isMember ? undefined : pageWord(message);
    if (word === undefined) ctx.fireChannelRead(message);
    else if (!ctx.channel.isEnding && this.mayAsk(ctx)) this.answer(ctx, word);
  }

  channelInactive(ctx: Context): void {
    this.unsubscribe?.();
    this.hood?.close();
    ctx.fireChannelInactive();
  }

  /** Opening the hood is a few bytes to ask for and some work to do. */
  private mayAsk(ctx: Context): boolean {
    const now = ctx.clock.now();
    if (now - this.wordsSince >= 1000) {
      this.wordsSince = now;
      this.words = 0;
    }
    this.words += 1;
    return this.words <= MAX_WORDS_PER_SECOND;
  }

  private answer(ctx: Context, word: PageWord): void {
    if (word === 'history') this.sendHistory(ctx);
    else if (word === 'ways') this.sendWays(ctx);
    else if (word === 'hood-on') this.openHood(ctx);
    else if (word === 'hood-off') this.closeHood();
    // The buttons are in the panel.
    else this.hood?.play(word);
  }

  /** Once for each connection, after all that was said before it. */
  private sendHistory(ctx: Context): void {
    if (this.hasHistory) return;
    this.hasHistory = true;
    const { talk, history } = this.room;
    const send = (recent: Recent): void => void this.send(ctx, { kind: 'history', ...recent });
    talk.onceDrained(() => {
      const recent = history.latest();
      if (recent instanceof Promise) void recent.then(send);
      else send(recent);
    });
  }

  private sendWays(ctx: Context): void {
    this.unsubscribe ??= this.ways.subscribe((ways) => this.send(ctx, { kind: 'ways', ways }));
  }

  private openHood(ctx: Context): void {
    if (this.hood !== undefined) return;
    const { room, settings } = this;
    const send = (message: PageMessage) => this.send(ctx, message);
    this.hood = new UnderTheHood({ ctx, room, settings, send });
    this.hood.open();
  }

  private closeHood(): void {
    const { hood } = this;
    this.hood = undefined;
    hood?.close();
  }

  /** Returns how many bytes that is on the wire. */
  private send(ctx: Context, message: PageMessage): number {
    if (!ctx.channel.isActive || ctx.channel.isEnding) return 0;
    const bytes = encodePageMessage(message);
    ctx.writeAndFlush(bytes);
    return bytes.length + (bytes.length < 126 ? 2 : bytes.length < 65_536 ? 4 : 10);
  }
}
