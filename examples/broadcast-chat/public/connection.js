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
import { formatAuth, PING, parseServerMessage } from './protocol.js';

/**
 * Why the link is down: a code of the server, or what the page noticed itself.
 * @typedef {string} Cause 'lost' | 'silent' | 'unreachable' | 'restarting' | an ERR code
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
 *   what the room says: messages, echoes, joins, leaves, and errors that leave the link open
 * @property {number} [connectTimeoutMs] from the first packet to AUTH_OK
 * @property {number} [endingTimeoutMs] from BYE to the close
 * @property {number} [stableAfterMs] online for this long, the next loss starts with short waits
 */

const DEFAULTS = { connectTimeoutMs: 10_000, endingTimeoutMs: 5_000, stableAfterMs: 10_000 };

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

  /** @param {ConnectionOptions} options */
  constructor(options) {
    this.#options = { ...DEFAULTS, ...options };
    this.#heartbeat = new Heartbeat({
      timers: options.timers,
      sendPing: () => this.#socket?.send(PING),
      onSilent: () => this.#lose('silent'),
    });
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
    this.#socket.send(text);
    return true;
  }

  /** Does not wait any longer. */
  retryNow() {
    if (this.#phase.name === 'waiting') this.#connect();
  }

  /** The page woke up or the network changed: find out now whether the link still holds. */
  check() {
    if (this.#phase.name === 'online') this.#heartbeat.probe();
    else this.retryNow();
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
    socket.addEventListener('open', () => isCurrent() && socket.send(formatAuth(id, token)));
    socket.addEventListener('close', () => isCurrent() && this.#closed());
    socket.addEventListener('message', (/** @type {{ data: unknown }} */ { data }) => {
      if (isCurrent() && typeof data === 'string') this.#receive(data);
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
      case 'unknown':
        return;
      default:
        this.#options.onMessage(message);
    }
  }

  #goOnline() {
    this.#heartbeat.start();
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
      this.#lose(code);
    } else {
      this.#options.onMessage(message);
    }
  }

  #closed() {
    if (this.#phase.name === 'ending') this.#lose('restarting');
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
