// The page's connection: signs in, keeps alive, comes back by itself.
import { type Loss, ReconnectingClient } from '@headrace/client';
import { type Channel, type Context, handler, silentLogger } from '@headrace/core';
import { Buffer } from '@headrace/core/buffer';
import { HeartbeatHandler } from '@headrace/handlers';
import {
  WebSocketBootstrap,
  type WebSocketInput,
  type WebSocketOutput,
  WebSocketTextCodec,
} from '@headrace/websocket';
import type { Recent } from '../history.ts';

export interface Login {
  readonly id: string;
  /** Empty: none. */
  readonly token: string;
}

/**
 * How the link is. `because` is an `ERR:` code of the server, or what the page noticed itself: `lost`, `silent` (no answer
 * to a heartbeat), `unreachable`, `BYE`.
 */
export type LinkState =
  | { readonly name: 'connecting' | 'online' }
  | { readonly name: 'waiting'; readonly because: string; readonly delayMs: number }
  /** Another attempt would be refused again, or the page has left. */
  | { readonly name: 'ended'; readonly because: string };

export interface LinkOptions extends Login {
  /** `/ws` in a page; a URL with `ws:` elsewhere. */
  readonly address: string;
  /** The server closes a connection of which it has heard nothing for so long. */
  readonly idleMs: number;
  readonly onState: (state: LinkState) => void;
  /** A message of the room: `MSG:ann:hello`. */
  readonly onText: (text: string) => void;
  readonly onHistory: (recent: Recent) => void;
  /** A message of the state that says who types, as JSON. */
  readonly onTyping: (json: string) => void;
  /** From 0 to 1, for waits. @default Math.random */
  readonly random?: () => number;
}

type Texts = Channel<never, string>;

const TYPING = 'TYPING:';

/** The text of another member may be as long as ours; a history is longer. */
const MAX_MESSAGE_BYTES = 256 * 1024;
const ANSWER_MS = 10_000;
const MAX_HEARTBEAT_MS = 30_000;

/** After these there is nothing to come back for. */
const FINAL = new Set(['AUTH_FAILED', 'EMPTY_CLIENT_ID', 'BAD_CLIENT_ID', 'KICKED']);
/** The link stays open after this one. */
const HARMLESS = 'ALREADY_AUTH';

export class Link {
  private readonly options: LinkOptions;
  private readonly client: ReconnectingClient<string, Texts>;
  /** The connection, while it is signed in and the server has not said BYE. */
  private channel: Texts | undefined = undefined;
  /** What the server said last about the end of this connection. */
  private lastWord: string | undefined = undefined;
  private signIn: { accept(): void; refuse(why: Error): void } | undefined = undefined;

  constructor(options: LinkOptions) {
    this.options = options;
    const { address, random } = options;
    this.client = new ReconnectingClient<string, Texts>({
      bootstrap: new WebSocketBootstrap()
        .options({ logger: silentLogger, maxMessageBytes: MAX_MESSAGE_BYTES })
        .handler((channel) => this.install(channel)),
      addresses: [address],
      ready: (channel) => this.introduce(channel),
      shouldRetry: () => !FINAL.has(this.lastWord ?? ''),
      logger: silentLogger,
      ...(random && { random }),
    });
    this.client.on('state', (state) => {
      if (state.name === 'connecting') this.enter({ name: 'connecting' });
      else if (state.name === 'online') this.enter({ name: 'online' });
      else if (state.name === 'waiting') {
        this.enter({ name: 'waiting', because: this.causeOf(state.loss), delayMs: state.delayMs });
      } else if (state.name === 'closed') {
        this.enter({ name: 'ended', because: this.lastWord ?? 'left' });
      }
    });
    void this.client.start();
  }

  /** False: there is no link, keep it. */
  send(text: string): boolean {
    this.channel?.writeAndFlush(text).onSettled(() => {});
    return this.channel !== undefined;
  }

  /** Shows the others that the user is typing. Nothing is kept for later. */
  typing(): void {
    this.ask('typing');
  }

  /** Does not wait any longer. */
  retryNow(): void {
    this.client.networkChanged();
  }

  /** Leaves for good. */
  close(): Promise<void> {
    this.channel = undefined;
    return this.client.close();
  }

  private install({ pipeline }: Channel<WebSocketInput, WebSocketOutput>) {
    const { idleMs, onHistory } = this.options;
    const history = handler<{ reads: WebSocketInput; passesOn: string; writes: WebSocketOutput }>({
      channelRead: (ctx, message) => {
        if (typeof message === 'string') ctx.fireChannelRead(message);
        else onHistory(JSON.parse(message.toString()) as Recent);
      },
    });
    const heartbeat = {
      intervalMs: Math.min(MAX_HEARTBEAT_MS, idleMs / 3),
      timeoutMs: ANSWER_MS,
      maxMissed: 1,
      onlyWhenQuiet: false,
    };
    return pipeline.addLast('history', history).addLast(
      new WebSocketTextCodec(),
      new HeartbeatHandler<string>(heartbeat),
      handler<{ reads: string; passesOn: never; writes: string }>({
        channelRead: (_ctx, text) => this.heard(text),
        exceptionCaught: (ctx: Context) => void ctx.close('error'),
      }),
    );
  }

  /** Signs in, on each connection anew; the history is asked for with it, before anything new is said. */
  private introduce(channel: Texts): Promise<void> {
    const { id, token } = this.options;
    this.lastWord = undefined;
    channel.writeAndFlush(token === '' ? `AUTH:${id}` : `AUTH:${id}:${token}`);
    return new Promise((resolve, refuse) => {
      const accept = (): void => {
        this.channel = channel;
        channel.writeAndFlush('WHO');
        this.ask('history');
        this.ask('who types');
        resolve();
      };
      this.signIn = { accept, refuse };
    });
  }

  /** Sends one of the binary messages that no text of a member can be taken for. */
  private ask(word: string): void {
    const history = this.channel?.pipeline.context('history');
    history?.writeAndFlush(Buffer.from(word)).onSettled(() => {});
  }

  private heard(text: string): void {
    if (text === 'AUTH_OK') this.signIn?.accept();
    else if (text === 'BYE') this.ending('BYE');
    else if (text.startsWith('ERR:') && text !== `ERR:${HARMLESS}`) this.ending(text.slice(4));
    else if (text.startsWith(TYPING)) this.options.onTyping(text.slice(TYPING.length));
    else if (text !== 'PONG') this.options.onText(text);
  }

  /** The server closes this connection, but still delivers what it has. */
  private ending(word: string): void {
    this.lastWord = word;
    this.channel = undefined;
    this.signIn?.refuse(new Error(`the server said ${word}`));
  }

  private causeOf({ during, kind }: Loss<string>): string {
    if (this.lastWord !== undefined) return this.lastWord;
    if (kind === 'heartbeat') return 'silent';
    return during === 'online' ? 'lost' : 'unreachable';
  }

  private enter(state: LinkState): void {
    if (state.name === 'waiting') this.channel = undefined;
    this.options.onState(state);
  }
}
