import { OptionError } from '@headrace/core';
import { custom, describeOptions, type Resolved, time, whole } from '@headrace/core/authoring';

/** A transport of Engine.IO: HTTP requests whose answers wait for messages, or a WebSocket. */
export type EngineTransportName = 'polling' | 'websocket';

/** Options of the connections below Socket.IO. The names of Socket.IO's own options are in brackets. */
export interface EngineOptions {
  /** Path of the requests and the WebSockets (`path`). @default '/engine.io/', and '/socket.io/' for a SocketIo */
  readonly path?: string;
  /** Transports that clients may use (`transports`). @default ['polling', 'websocket'] */
  readonly transports?: readonly EngineTransportName[];
  /** Time between a client's pong and the next ping, in milliseconds (`pingInterval`). @default 25000 */
  readonly pingIntervalMs?: number;
  /** Maximum time until the pong, in milliseconds (`pingTimeout`). It is paused while reads are held. @default 20000 */
  readonly pingTimeoutMs?: number;
  /** Maximum time of an upgrade to a WebSocket, in milliseconds (`upgradeTimeout`); `false` for no limit. @default 10000 */
  readonly upgradeTimeoutMs?: number | false;
  /** Maximum length of a message, and of the body of a request, in bytes (`maxHttpBufferSize`). @default 1000000 */
  readonly maxPayloadBytes?: number;
  /**
   * Maximum number of sessions that poll. Further clients are answered with 503, and try again. A session that polls outlives its
   * connections until its ping fails, so limits of connections do not limit it.
   * @default 16384
   */
  readonly maxPollingSessions?: number;
}

const TRANSPORTS: readonly EngineTransportName[] = ['polling', 'websocket'];
/** The longest time that timers of clients accept. */
const MAX_MS = 2 ** 31 - 1;

/** The kinds and defaults of the options. */
export const ENGINE_OPTIONS = describeOptions('EngineOptions', {
  path: custom('a path such as /engine.io/', checkPath, { default: '/engine.io/' }),
  transports: custom("a list of 'polling' and 'websocket'", checkTransports, {
    default: TRANSPORTS,
  }),
  pingIntervalMs: whole({ min: 1, max: MAX_MS, default: 25_000 }),
  pingTimeoutMs: whole({ min: 1, max: MAX_MS, default: 20_000 }),
  upgradeTimeoutMs: time({ default: 10_000 }),
  maxPayloadBytes: whole({ min: 1, max: 2 ** 31 - 1, default: 1_000_000 }),
  maxPollingSessions: whole({ min: 1, default: 16_384 }),
});

export type EngineSettings = Resolved<EngineOptions, typeof ENGINE_OPTIONS.kinds>;

function checkPath(name: string, given: string): string {
  if (typeof given === 'string' && given.startsWith('/') && !/[?#]/.test(given)) return given;
  const text = `${name} must be a path that begins with a slash, but got ${String(given)}`;
  throw new OptionError('OPTION_INVALID', text, { option: name });
}

function checkTransports(
  name: string,
  given: readonly EngineTransportName[],
): readonly EngineTransportName[] {
  const isList = Array.isArray(given) && given.length > 0;
  if (isList && given.every((one) => TRANSPORTS.includes(one))) return given;
  const text = `${name} must be a list of 'polling' and 'websocket', but got ${String(given)}`;
  throw new OptionError('OPTION_INVALID', text, { option: name });
}
