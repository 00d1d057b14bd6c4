// The life of the link to the server: connect, sign in, stay alive, come back. Knows no page; the
// socket, the timers and the dice are given, so tests run it in virtual time.
//
//   offline ─open()→ connecting ─AUTH_OK→ online ─BYE→ ending
//      ↑                 ↑  │                │            │
//    close()             │  └──── lost ──────┴────────────┤
//   from anywhere        └─ after a while ── waiting ←────┘
//
//   ERR:KICKED → kicked, a refused name or token → refused: both stay until open() is called again

import { backoffDelayMs } from './backoff.js';
import { Heartbeat } from './heartbeat.js';
import { askBytes, parseNews } from './page-line.js';
import { formatAuth, PING, parseServerMessage } from './protocol.js';

/**
 * Why the link is down: a code of the server, or what the page noticed itself.
 * @typedef {string} Cause 'lost' | 'silent' | 'unreachable' | 'restarting' | 'slow' | an ERR code
 *
 * @typedef {{ name: 'offline' } | { name: 'connecting' } | { name: 'online' } | { name: 'ending' }
 *   | { name: 'waiting', delayMs: number, because: Cause }
 *   | { name: 'kicked' } | { name: 'refused', because: Cause }} Phase
 *
 * @typedef {Pick<WebSocket, 'readyState' | 'send' | 'close' | 'addEventListener'>} Socket
 *
 * @typedef {object} ConnectionOptions
 * @property {() => Socket} createSocket
 * @property {import('./heartbeat.js').Timers} timers
 * @property {() => number} random as Math.random
 * @property {(phase: Phase) => void} onPhase
 * @property {(message: import('./protocol.js').ServerMessage) => void} onMessage
 *   what the room says: messages, echoes, joins, leaves, lists, and errors that leave the link open
 * @property {(news: import('./page-line.js').PageNews) => void} [onNews] what the page's own line says
 * @property {(ms: number) => void} [onRoundTrip]
 * @property {number} [heartbeatMs] between two PINGs
 * @property {number} [connectTimeoutMs] from the first packet to AUTH_OK
 * @property {number} [endingTimeoutMs] from BYE to the close
 * @property {number} [stableAfterMs] online for this long, the next loss starts with short waits
 */

const DEFAULTS = {
  connectTimeoutMs: 10_000,
  endingTimeoutMs: 5_000,
  stableAfterMs: 10_000,
  heartbeatMs: 30_000,
};

/** A server that finds us idle in spite of our PINGs wants them more often, down to this. */
const MIN_HEARTBEAT_MS = 500;

const OPEN = 1;

/** Coming back by itself would be refused again, or would kick whoever has the name now. */
const FINAL_CODES = new Set(['AUTH_FAILED', 'EMPTY_CLIENT_ID', 'BAD_CLIENT_ID']);

/** The server closes after these. There is nothing to wait for. */
const CLOSING_CODES = new Set([
  'UNAUTH',
  'AUTH_TIMEOUT',
  'IDLE_TIMEOUT',
  'TOO_LONG',
  'BAD_UTF8',
  'TOO_MANY',
]);

/** A full server is not helped by quick attempts: start with waits of up to 16 s. */
const FULL_SERVER_ATTEMPT = 4;

export class ChatConnection {
  #options;
  #heartbeat;
  #login = { id: '', token: '' };
  /** @type {Phase} */
  #phase = { name: 'offline' };
  /** @type {Socket | null} */
  #socket = null;
  #attempt = 0;
  /** Each phase has at most one timer, and it ends with the phase. @type {unknown} */
  #timer = null;
  #isMute = false;
  #spokeAt = 0;

  /** @param {ConnectionOptions} options */
  constructor(options) {
    this.#options = { ...DEFAULTS, ...options };
    this.#heartbeat = new Heartbeat({
      timers: options.timers,
      sendPing: () => this.#say(PING),
      onSilent: () => this.#lose('silent'),
      onRoundTrip: (ms) => this.#options.onRoundTrip?.(ms),
      intervalMs: this.#options.heartbeatMs,
    });
  }

  /** How long this page has said nothing, heartbeats included. */
  get silentMs() {
    return this.#options.timers.now() - this.#spokeAt;
  }

  get phase() {
    return this.#phase;
  }

  /**
   * Connects under this name, and again whenever the link breaks.
   *
   * @param {{ id: string, token: string }} login
   */
  open(login) {
    this.#dropSocket();
    this.#login = { ...login };
    this.#attempt = 0;
    this.#connect();
  }

  /** Leaves for good. */
  close() {
    this.#dropSocket();
    this.#login = { id: '', token: '' };
    this.#enter({ name: 'offline' });
  }

  /**
   * Hands the text to the server. False: it was not sent, keep it.
   *
   * @param {string} text
   */
  send(text) {
    if (this.#phase.name !== 'online' || this.#socket?.readyState !== OPEN) return false;
    this.#say(text);
    return true;
  }

  /**
   * Asks something of the server that is no chat. False: there is no link.
   *
   * @param {string} word see page-line.js
   */
  ask(word) {
    if (this.#phase.name !== 'online' || this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(askBytes(word));
    return true;
  }

  /** @param {string} text */
  #say(text) {
    this.#spokeAt = this.#options.timers.now();
    this.#socket?.send(text);
  }

  /** Plays dead, until the next sign-in or `speakUp()`. */
  fallSilent() {
    this.#isMute = true;
    // The server's shortened limit counts from here, too.
    this.#spokeAt = this.#options.timers.now();
    this.#heartbeat.stop();
  }

  speakUp() {
    this.#isMute = false;
    if (this.#phase.name !== 'online') return;
    this.#heartbeat.start();
    this.#heartbeat.probe();
  }

  /**
   * How often to say PING, for who wants to see the round trip more often; at least as often as the server wants.
   *
   * @param {number} ms
   */
  setPace(ms) {
    this.#heartbeat.intervalMs = Math.min(ms, this.#options.heartbeatMs);
    if (Number.isFinite(ms)) this.#heartbeat.probe();
  }

  /** Does not wait any longer. */
  retryNow() {
    if (this.#phase.name === 'waiting') this.#connect();
  }

  /** The page woke up or the network changed: find out now whether the link still holds. */
  check() {
    if (this.#phase.name !== 'online') this.retryNow();
    else if (!this.#isMute) this.#heartbeat.probe();
  }

  #connect() {
    const { createSocket, connectTimeoutMs } = this.#options;
    this.#enter({ name: 'connecting' }, connectTimeoutMs, () => this.#lose('unreachable'));
    let socket;
    try {
      socket = createSocket();
    } catch {
      this.#lose('unreachable');
      return;
    }
    this.#socket = socket;
    const isCurrent = () => this.#socket === socket;
    const { id, token } = this.#login;
    socket.addEventListener('open', () => {
      if (!isCurrent()) return;
      this.#say(formatAuth(id, token));
    });
    socket.addEventListener('close', (/** @type {{ reason?: string }} */ { reason }) => {
      if (isCurrent()) this.#closed(reason);
    });
    socket.addEventListener('message', (/** @type {{ data: unknown }} */ { data }) => {
      if (!isCurrent()) return;
      if (typeof data === 'string') this.#receive(data);
      else this.#receiveNews(data);
    });
  }

  /** @param {string} raw */
  #receive(raw) {
    this.#heartbeat.received();
    const message = parseServerMessage(raw);
    switch (message.kind) {
      case 'auth-ok':
        if (this.#phase.name === 'connecting') this.#goOnline();
        return;
      case 'bye':
        this.#goodbye();
        return;
      case 'error':
        this.#failed(message);
        return;
      case 'pong':
        this.#heartbeat.answered();
        return;
      case 'unknown':
        return;
      default:
        this.#options.onMessage(message);
    }
  }

  /** @param {unknown} data */
  #receiveNews(data) {
    this.#heartbeat.received();
    const news = parseNews(data);
    if (news !== null) this.#options.onNews?.(news);
  }

  #goOnline() {
    this.#isMute = false;
    this.#heartbeat.start();
    this.#options.onRoundTrip?.(this.silentMs);
    this.#enter({ name: 'online' }, this.#options.stableAfterMs, () => {
      this.#attempt = 0;
    });
  }

  /** The server is going, but still delivers what it has: listen on, send nothing. */
  #goodbye() {
    this.#heartbeat.stop();
    this.#enter({ name: 'ending' }, this.#options.endingTimeoutMs, () => this.#lose('restarting'));
  }

  /** @param {{ kind: 'error', code: string }} message */
  #failed(message) {
    const { code } = message;
    if (code === 'KICKED') {
      this.#dropSocket();
      this.#enter({ name: 'kicked' });
    } else if (FINAL_CODES.has(code)) {
      this.#dropSocket();
      this.#enter({ name: 'refused', because: code });
    } else if (CLOSING_CODES.has(code)) {
      if (code === 'IDLE_TIMEOUT' && !this.#isMute) this.#beatFaster();
      this.#lose(code);
    } else {
      this.#options.onMessage(message);
    }
  }

  /** The server was started anew with a shorter limit since it gave out this page. */
  #beatFaster() {
    const heartbeatMs = Math.max(MIN_HEARTBEAT_MS, this.#options.heartbeatMs / 2);
    this.#options.heartbeatMs = heartbeatMs;
    this.#heartbeat.intervalMs = Math.min(this.#heartbeat.intervalMs, heartbeatMs);
  }

  /** @param {string} [reason] of the server's close frame */
  #closed(reason) {
    if (reason === 'slow-consumer') this.#lose('slow');
    else if (this.#phase.name === 'ending') this.#lose('restarting');
    else this.#lose(this.#phase.name === 'connecting' ? 'unreachable' : 'lost');
  }

  /** @param {Cause} because */
  #lose(because) {
    this.#dropSocket();
    if (because === 'TOO_MANY') this.#attempt = Math.max(this.#attempt, FULL_SERVER_ATTEMPT);
    const delayMs = backoffDelayMs(this.#attempt, this.#options.random);
    this.#attempt += 1;
    this.#enter({ name: 'waiting', delayMs, because }, delayMs, () => this.#connect());
  }

  /** Forgets the socket first, so that nothing it still says or does is heard. */
  #dropSocket() {
    this.#heartbeat.stop();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  /**
   * @param {Phase} phase
   * @param {number} [afterMs]
   * @param {() => void} [then]
   */
  #enter(phase, afterMs = 0, then) {
    const { timers, onPhase } = this.#options;
    timers.clearTimeout(this.#timer);
    this.#timer = then ? timers.setTimeout(then, afterMs) : null;
    this.#phase = phase;
    onPhase(phase);
  }
}
