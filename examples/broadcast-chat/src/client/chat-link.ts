// The terminal client's connection: signs in, keeps alive, comes back.
import { LengthFieldFrameDecoder, LengthFieldPrepender, StringCodec } from '@headrace/codec';
import { Bootstrap, type Channel, silentLogger, systemClock, type Timer } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import { IdleStateHandler } from '@headrace/handlers';
import { fullJitterMs } from './full-jitter.ts';
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

/** Somebody else's text may be as long as ours, with a word and an id before it. */
const MAX_FRAME_LENGTH = 128 * 1024;
const PING_AFTER_MS = 30_000;
/** A server that finds us idle in spite of them wants more of them, down to this. */
const MIN_PING_AFTER_MS = 500;
/** Online for so long, the next loss starts with short waits again. */
const STABLE_MS = 10_000;
/** A full server is not helped by quick attempts. */
const FULL_SERVER_ATTEMPT = 4;

/** After these coming back would be refused again, or would kick whoever has the name now. */
const FINAL: Readonly<Record<string, string>> = {
  AUTH_FAILED: 'the server does not let this name in with this token',
  EMPTY_CLIENT_ID: 'the name is empty',
  BAD_CLIENT_ID:
    'the server does not take this name: at most 64 characters, all of them visible, single spaces',
  KICKED: 'somebody signed in under this name elsewhere',
};

export class ChatLink {
  private readonly options: ChatLinkOptions;
  private readonly bootstrap: Bootstrap;
  private channel: Channel | undefined = undefined;
  private attempt = 0;
  private timer: Timer | undefined = undefined;
  private current: LinkState = { name: 'connecting' };
  /** What the server said last about why it closes. */
  private lastWord: string | undefined = undefined;
  /** Typed while there is no connection. */
  private waiting: string[] = [];
  private pingAfterMs = PING_AFTER_MS;

  constructor(options: ChatLinkOptions) {
    this.options = options;
    this.bootstrap = new Bootstrap()
      .options({ logger: silentLogger, connectTimeoutMs: 10_000 })
      .handler(({ pipeline }) =>
        pipeline.addLast(
          new LengthFieldFrameDecoder({
            maxFrameLength: MAX_FRAME_LENGTH,
            lengthFieldLength: 4,
            initialBytesToStrip: 4,
          }),
          new LengthFieldPrepender({ lengthFieldLength: 4 }),
          new StringCodec(),
          new IdleStateHandler({ readerIdleMs: this.pingAfterMs, writerIdleMs: this.pingAfterMs }),
          new LinkHandler({
            opened: (ctx) => ctx.writeAndFlush(this.credentials()),
            received: (_ctx, text) => this.received(parseServerMessage(text)),
          }),
        ),
      ) as Bootstrap;
  }

  get state(): LinkState {
    return this.current;
  }

  /** Connects, and again whenever the connection is lost, until `close()` or a final refusal. */
  open(): void {
    this.enter({ name: 'connecting' });
    this.lastWord = undefined;
    const { host, port } = this.options;
    this.bootstrap.connect({ host, port }).then(
      (channel) => this.connected(channel as Channel),
      (error: unknown) => this.lost(toError(error).message),
    );
  }

  /** Sends now, or as soon as there is a connection. */
  send(text: string): void {
    if (this.current.name === 'online') this.channel?.writeAndFlush(text);
    else this.waiting.push(text);
  }

  /** Leaves for good, after everything that was sent. */
  async close(because = 'good bye', failed = false): Promise<void> {
    if (this.current.name === 'over') return;
    this.timer?.cancel();
    this.enter({ name: 'over', because, failed });
    await this.channel?.end();
  }

  private connected(channel: Channel): void {
    this.channel = channel;
    channel.onClosed(() => this.lost(this.lastWord ?? 'the connection was lost'));
    if (this.current.name === 'over') channel.close();
  }

  private received(message: ServerMessage): void {
    if (message.kind === 'accepted') this.signedIn();
    else if (message.kind === 'bye') this.lastWord = 'the server shut down';
    else if (message.kind === 'error') this.refused(message.code);
    if (message.kind !== 'accepted' && message.kind !== 'pong') this.options.onMessage(message);
  }

  private signedIn(): void {
    this.enter({ name: 'online' });
    this.timer?.cancel();
    this.timer = systemClock.schedule(() => {
      this.attempt = 0;
    }, STABLE_MS);
    for (const text of this.waiting.splice(0)) this.send(text);
  }

  private refused(code: string): void {
    this.lastWord = `the server said ${code}`;
    if (code === 'IDLE_TIMEOUT') {
      this.pingAfterMs = Math.max(MIN_PING_AFTER_MS, this.pingAfterMs / 2);
    }
    if (code === 'TOO_MANY') this.attempt = Math.max(this.attempt, FULL_SERVER_ATTEMPT);
    const because = FINAL[code];
    if (because !== undefined) void this.close(because, true);
  }

  private lost(because: string): void {
    this.channel = undefined;
    this.timer?.cancel();
    if (this.current.name === 'over') return;
    const delayMs = fullJitterMs(this.attempt, this.options.random);
    this.attempt += 1;
    this.enter({ name: 'waiting', because, delayMs });
    this.timer = systemClock.schedule(() => this.open(), delayMs, true);
  }

  private credentials(): string {
    const { id, token } = this.options;
    return token === undefined ? `AUTH:${id}` : `AUTH:${id}:${token}`;
  }

  private enter(state: LinkState): void {
    this.current = state;
    this.options.onState(state);
  }
}
