// The connection of a client, the terminal's and the page's: signs in, keeps alive, comes back.
import { type ClientState, type Loss, ReconnectingClient } from '@headrace/client';
import {
  type Clock,
  type Context,
  handler,
  type Pipeline,
  silentLogger,
  systemClock,
  type Timer,
} from '@headrace/core';
import { HeartbeatHandler } from '@headrace/handlers';
import { WEB_SOCKET_CLOSE } from '@headrace/websocket';
import type { Door, TextChannel } from './door.ts';
import { LinkHandler } from './link-handler.ts';
import { type Cause, CLOSING_CODES, FINAL_CODES, type Phase } from './phase.ts';
import { parseServerMessage, type ServerMessage } from './server-message.ts';

export interface Login {
  readonly id: string;
  /** Empty: none. */
  readonly token: string;
}

/** Times are in milliseconds. */
export interface ChatLinkOptions<P> {
  readonly door: Door<P>;
  readonly onPhase: (phase: Phase) => void;
  /** Called with each message of the room: messages, echoes, joins, leaves, lists, and errors that leave the link open. */
  readonly onMessage: (message: ServerMessage) => void;
  /** How long the server took to answer: the sign-in, and each heartbeat. */
  readonly onRoundTrip?: (ms: number) => void;
  /** Between two heartbeats. @default 30000 */
  readonly heartbeatMs?: number;
  /** @default systemClock */
  readonly clock?: Clock;
  /** From 0 to 1, for waits and heartbeats. @default Math.random */
  readonly random?: () => number;
}

const HEARTBEAT_MS = 30_000;
/** A server that finds us idle in spite of them wants more of them, down to this. */
const MIN_HEARTBEAT_MS = 500;
/** Without an answer for so long the connection is given up. */
const ANSWER_MS = 10_000;
/** A full server is not helped by quick attempts. */
const FULL_SERVER_MS = 16_000;
/** From BYE to the close. */
const ENDING_MS = 5000;

/** Waits for the answer to the credentials. */
interface SignIn {
  readonly askedAt: number;
  readonly accept: () => void;
  readonly refuse: (why: Error) => void;
}

export class ChatLink<P> {
  private readonly options: ChatLinkOptions<P>;
  private readonly clock: Clock;
  private readonly random: () => number;
  private current: Phase = { name: 'offline' };
  private client: ReconnectingClient<P, TextChannel> | undefined = undefined;
  /** The latest connection. */
  private channel: TextChannel | undefined = undefined;
  private signIn: SignIn | undefined = undefined;
  /** Messages that came in together with the reply of the sign-in, until the link is online. */
  private early: ServerMessage[] = [];
  /** The reason that the server gave for the end of this connection. */
  private lastWord: Cause | undefined = undefined;
  private endingTimer: Timer | undefined = undefined;
  private heartbeatMs: number;
  private paceMs = Number.POSITIVE_INFINITY;
  private isMute = false;
  private spokeAt = 0;

  constructor(options: ChatLinkOptions<P>) {
    const { clock = systemClock, random = Math.random, heartbeatMs = HEARTBEAT_MS } = options;
    this.options = options;
    this.clock = clock;
    this.random = random;
    this.heartbeatMs = heartbeatMs;
  }

  get phase(): Phase {
    return this.current;
  }

  /** How long it has said nothing, heartbeats included. */
  get silentMs(): number {
    return this.clock.now() - this.spokeAt;
  }

  /** Connects under this name, and again whenever the connection is lost, until `close()` or a final refusal. */
  open(login: Login): void {
    void this.drop();
    const client = this.newClient({ ...login });
    this.client = client;
    client.on('state', (state) => {
      if (this.client === client) this.follow(state);
    });
    void client.start();
  }

  /** Leaves for good, after everything that was sent. */
  close(): Promise<void> {
    return this.leave({ name: 'offline' });
  }

  /** Sends the text. False: there is no link, keep it. */
  send(text: string): boolean {
    const channel = this.openChannel();
    channel?.writeAndFlush(text).onSettled(() => {});
    return channel !== undefined;
  }

  /** Asks something of the server that is not a chat. False: there is no link, or it has no such line. */
  ask(word: string): boolean {
    const { door } = this.options;
    const channel = this.openChannel();
    if (channel === undefined || door.ask === undefined) return false;
    door.ask(channel, word);
    return true;
  }

  /** Does not wait any longer. */
  retryNow(): void {
    if (this.current.name === 'waiting') this.client?.networkChanged();
  }

  /** Plays dead, until the next connection or `speakUp()`. */
  fallSilent(): void {
    this.isMute = true;
    // The server's shortened limit counts from here, too.
    this.spokeAt = this.clock.now();
    this.beat();
  }

  speakUp(): void {
    this.isMute = false;
    this.beat(true);
  }

  /** How often to ask for a sign of life, for who wants to see the round trip more often; at least as often as the server wants. */
  setPace(ms: number): void {
    this.paceMs = ms;
    this.beat(Number.isFinite(ms));
  }

  // --- connections ---

  private newClient(login: Login): ReconnectingClient<P, TextChannel> {
    const { clock, random } = this;
    const { door } = this.options;
    const client: ReconnectingClient<P, TextChannel> = new ReconnectingClient<P, TextChannel>({
      bootstrap: door.connector((texts) => this.install(texts, () => this.client === client)),
      addresses: door.addresses,
      ready: (channel) => this.introduce(channel, login),
      shouldRetry: () =>
        this.lastWord === 'TOO_MANY' ? { afterMs: random() * FULL_SERVER_MS } : true,
      logger: silentLogger,
      clock,
      random,
    });
    return client;
  }

  private install(texts: Pipeline<string, string>, isCurrent: () => boolean) {
    this.isMute = false;
    const spoke = handler<{ writes: string }>({
      write: (ctx: Context, text) => {
        this.spokeAt = this.clock.now();
        return ctx.write(text);
      },
    });
    return texts.addLast(
      spoke,
      this.heartbeat(),
      new LinkHandler({
        received: (text) => {
          if (isCurrent()) this.received(parseServerMessage(text));
        },
        roundTrip: (ms) => this.options.onRoundTrip?.(ms),
      }),
    );
  }

  private introduce(channel: TextChannel, { id, token }: Login): Promise<void> {
    this.channel = channel;
    channel.writeAndFlush(token === '' ? `AUTH:${id}` : `AUTH:${id}:${token}`);
    return new Promise((accept, refuse) => {
      this.signIn = { askedAt: this.clock.now(), accept, refuse };
    });
  }

  /** The connection, if it may be spoken on. */
  private openChannel(): TextChannel | undefined {
    return this.current.name === 'online' ? this.client?.channel : undefined;
  }

  /** A client that is dropped is not heard any more. */
  private drop(): Promise<void> | undefined {
    const { client } = this;
    this.client = undefined;
    this.signIn = undefined;
    this.early = [];
    this.endingTimer?.cancel();
    return client?.close();
  }

  private leave(phase: Phase): Promise<void> {
    const dropped = this.drop();
    this.enter(phase);
    return dropped ?? Promise.resolve();
  }

  // --- heartbeats ---

  /** One that says nothing while the page plays dead, or the server is leaving. */
  private heartbeat(immediately = false): HeartbeatHandler {
    if (this.isMute || this.current.name === 'ending') return new HeartbeatHandler();
    return new HeartbeatHandler({
      intervalMs: Math.min(this.paceMs, this.heartbeatMs),
      timeoutMs: ANSWER_MS,
      maxMissed: 1,
      // The answer tells the round trip, also while there is talk.
      onlyWhenQuiet: false,
      immediately,
      random: this.random,
    });
  }

  /** From now on as it is to be now. */
  private beat(immediately = false): void {
    this.client?.channel?.pipeline.replace(HeartbeatHandler, this.heartbeat(immediately));
  }

  // --- what the server says ---

  private received(message: ServerMessage): void {
    if (message.kind === 'accepted') this.accepted();
    else if (message.kind === 'bye') this.goodbye();
    else if (message.kind === 'error') this.failed(message);
    else if (message.kind !== 'pong') this.hand(message);
  }

  private hand(message: ServerMessage): void {
    if (this.current.name === 'connecting') this.early.push(message);
    else this.options.onMessage(message);
  }

  private accepted(): void {
    if (this.signIn === undefined) return;
    this.options.onRoundTrip?.(this.clock.now() - this.signIn.askedAt);
    this.signIn.accept();
    this.signIn = undefined;
  }

  /** The server is going, but still delivers what it has: listens on, sends nothing. */
  private goodbye(): void {
    this.lastWord = 'restarting';
    if (this.current.name !== 'online') return;
    const { channel } = this;
    this.endingTimer = this.clock.schedule(() => channel?.abort(), ENDING_MS);
    this.enter({ name: 'ending' });
    this.beat();
  }

  private failed(message: ServerMessage & { readonly kind: 'error' }): void {
    const { code } = message;
    if (code === 'KICKED') void this.leave({ name: 'kicked' });
    else if (FINAL_CODES.has(code)) void this.leave({ name: 'refused', because: code });
    else if (CLOSING_CODES.has(code)) {
      this.lastWord = code;
      // The server was started anew with a shorter limit.
      if (code === 'IDLE_TIMEOUT' && !this.isMute) {
        this.heartbeatMs = Math.max(MIN_HEARTBEAT_MS, this.heartbeatMs / 2);
      }
      this.signIn?.refuse(new Error(`the server said ${code}`));
      this.channel?.abort();
    } else this.hand(message);
  }

  // --- the client's states ---

  private follow(state: ClientState<P, TextChannel>): void {
    if (state.name === 'connecting') {
      this.lastWord = undefined;
      this.enter({ name: 'connecting' });
    } else if (state.name === 'online') {
      this.enter({ name: 'online' });
      for (const message of this.early.splice(0)) this.options.onMessage(message);
    } else if (state.name === 'waiting') {
      this.endingTimer?.cancel();
      this.early = [];
      const because = this.causeOf(state.loss);
      this.enter({ name: 'waiting', delayMs: state.delayMs, because });
    } else if (state.name === 'closed') {
      // The page is left; or an option is wrong, and no further attempt would help.
      if (state.error === undefined) void this.leave({ name: 'offline' });
      else void this.leave({ name: 'refused', because: state.error.message });
    }
  }

  private causeOf({ during, kind }: Loss<P>): Cause {
    if (this.lastWord !== undefined) return this.lastWord;
    if (kind === 'heartbeat') return 'silent';
    if (during !== 'online') return 'unreachable';
    const closed = this.channel?.attributes.get(WEB_SOCKET_CLOSE);
    return closed?.reason === 'slow-consumer' ? 'slow' : 'lost';
  }

  private enter(phase: Phase): void {
    this.current = phase;
    this.options.onPhase(phase);
  }
}
