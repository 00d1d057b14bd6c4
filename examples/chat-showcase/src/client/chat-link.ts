// The terminal client's connection: signs in, keeps alive, comes back.
import { type ClientState, ReconnectingClient } from '@headrace/client';
import {
  Bootstrap,
  type Channel,
  type OutboundBytes,
  type PortPlace,
  silentLogger,
} from '@headrace/core';
import { IdleStateHandler } from '@headrace/handlers';
import { addFrames } from 'headrace-example-broadcast-chat';
import { LinkHandler } from './link-handler.ts';
import { parseServerMessage, type ServerMessage } from './server-message.ts';

/** How the link is: `over` for good, with the reason; `waiting` for the next attempt. */
export type LinkState =
  | { readonly name: 'connecting' | 'online' }
  | { readonly name: 'waiting'; readonly because: string; readonly delayMs: number }
  | { readonly name: 'over'; readonly because: string; readonly failed: boolean };

export interface ChatLinkOptions {
  readonly host: string;
  readonly port: number;
  readonly id: string;
  readonly token?: string | undefined;
  readonly onState: (state: LinkState) => void;
  readonly onMessage: (message: ServerMessage) => void;
  /** From 0 to 1, for the waits. @default Math.random */
  readonly random?: () => number;
}

/** The text of another member may be as long as ours, with a word and an id before it. */
const MAX_MESSAGE_BYTES = 128 * 1024;
const PING_AFTER_MS = 30_000;
/** A server that finds us idle in spite of them wants more of them, down to this. */
const MIN_PING_AFTER_MS = 500;
/** A full server is not helped by quick attempts. */
const FULL_SERVER_MS = 8000;
/** Lines that may wait for a connection: as many as one types, or pipes, in a while. */
const MAX_WAITING_LINES = 10_000;

/** After these errors another attempt would be refused again, or would kick the connection that has the name now. */
const FINAL: Readonly<Record<string, string>> = {
  AUTH_FAILED: 'the server does not let this name in with this token',
  EMPTY_CLIENT_ID: 'the name is empty',
  BAD_CLIENT_ID:
    'the server does not take this name: at most 64 characters, all of them visible, single spaces',
  KICKED: 'somebody signed in under this name elsewhere',
};

/** Waits for the answer to the credentials. */
interface SignIn {
  readonly accept: () => void;
  readonly refuse: (why: Error) => void;
}

export class ChatLink {
  private readonly options: ChatLinkOptions;
  private readonly client: ReconnectingClient<PortPlace, Channel<never, string>>;
  private current: LinkState = { name: 'connecting' };
  private signIn: SignIn | undefined = undefined;
  /** Messages that came in together with the reply of the sign-in, until the state is `online`. */
  private early: ServerMessage[] = [];
  /** The last reason that the server gave for the close. */
  private lastWord: string | undefined = undefined;
  private isServerFull = false;
  private ending = { because: 'good bye', failed: false };
  private pingAfterMs = PING_AFTER_MS;

  constructor(options: ChatLinkOptions) {
    const { host, port, random = Math.random } = options;
    this.options = options;
    this.client = new ReconnectingClient<PortPlace, Channel<never, string>>({
      bootstrap: new Bootstrap()
        .options({ logger: silentLogger })
        .handler((channel) => this.build(channel)),
      addresses: [{ host, port }],
      ready: (channel) => this.introduce(channel),
      shouldRetry: () => (this.isServerFull ? { afterMs: random() * FULL_SERVER_MS } : true),
      offline: { maxMessages: MAX_WAITING_LINES, maxAgeMs: false },
      logger: silentLogger,
      random,
    });
    this.client.on('state', (state) => this.follow(state));
  }

  get state(): LinkState {
    return this.current;
  }

  /** Connects, and again whenever the connection is lost, until `close()` or a final refusal. */
  open(): void {
    void this.client.start();
  }

  /** Sends now, or as soon as there is a connection. */
  send(text: string): void {
    this.client.writeAndFlush(text).onSettled((error) => {
      // No echo will come for it.
      if (error !== undefined) this.options.onMessage({ kind: 'error', code: 'NOT_SENT' });
    });
  }

  /** Leaves for good, after everything that was sent. */
  async close(because = 'good bye', failed = false): Promise<void> {
    if (this.current.name !== 'over') this.ending = { because, failed };
    await this.client.close();
  }

  private build(channel: Channel<Buffer, OutboundBytes>) {
    return addFrames(channel, MAX_MESSAGE_BYTES).addLast(
      new IdleStateHandler({ readerIdleMs: this.pingAfterMs, writerIdleMs: this.pingAfterMs }),
      new LinkHandler({ received: (text) => this.received(parseServerMessage(text)) }),
    );
  }

  private introduce(channel: Channel<never, string>): Promise<void> {
    const { id, token } = this.options;
    channel.writeAndFlush(token === undefined ? `AUTH:${id}` : `AUTH:${id}:${token}`);
    return new Promise((accept, refuse) => {
      this.signIn = { accept, refuse };
    });
  }

  private received(message: ServerMessage): void {
    if (message.kind === 'accepted') this.signIn?.accept();
    else if (message.kind === 'bye') this.lastWord = 'the server shut down';
    else if (message.kind === 'error') this.refused(message.code);
    if (message.kind === 'accepted' || message.kind === 'pong') return;
    if (this.current.name === 'connecting') this.early.push(message);
    else this.options.onMessage(message);
  }

  private refused(code: string): void {
    this.lastWord = `the server said ${code}`;
    if (code === 'IDLE_TIMEOUT') {
      this.pingAfterMs = Math.max(MIN_PING_AFTER_MS, this.pingAfterMs / 2);
    }
    this.isServerFull = code === 'TOO_MANY';
    const because = FINAL[code];
    if (because !== undefined) void this.close(because, true);
    else this.signIn?.refuse(new Error(this.lastWord));
  }

  private follow(state: ClientState<PortPlace>): void {
    if (state.name === 'readying') return;
    if (state.name === 'connecting') {
      this.lastWord = undefined;
      this.isServerFull = false;
      this.enter({ name: 'connecting' });
    } else if (state.name === 'online') this.enter({ name: 'online' });
    else if (state.name === 'waiting') {
      const { during, error } = state.loss;
      const lost = during === 'connecting' ? error.message : 'the connection was lost';
      this.enter({ name: 'waiting', because: this.lastWord ?? lost, delayMs: state.delayMs });
    } else if (state.name === 'closed') {
      const { because, failed } = this.ending;
      // It gives up by itself only when an option is wrong.
      const error = state.reason === 'given-up' ? state.error : undefined;
      this.enter({
        name: 'over',
        because: error?.message ?? because,
        failed: failed || error !== undefined,
      });
    }
  }

  private enter(state: LinkState): void {
    this.current = state;
    this.options.onState(state);
    for (const message of this.early.splice(0)) this.options.onMessage(message);
  }
}
