/** How a protocol's heartbeats look: what is one, and what answers it. */
export interface HeartbeatFormat<Message> {
  /** True for what a peer sends as a probe or sign of life. */
  isPing(message: unknown): boolean;
  /** True for the answer to one of our pings. */
  isPong(message: unknown): boolean;
  /** The answer to a ping; `undefined` swallows it without one. */
  pong(ping: Message): Message | undefined;
  /** What we send. */
  ping(): Message;
}

/** Options of {@link textHeartbeat}. */
export interface TextHeartbeatOptions {
  /** @default 'PING' */
  readonly ping?: string;
  /** The answer; `false` for heartbeats that nobody answers. @default 'PONG' */
  readonly pong?: string | false;
  /** Also take `ping`, `Ping`, … for a ping. @default true */
  readonly ignoreCase?: boolean;
}

/** Heartbeats that are texts, behind a string codec: `PING` and `PONG` unless you say otherwise. */
export function textHeartbeat(options: TextHeartbeatOptions = {}): HeartbeatFormat<string> {
  const { ping = 'PING', pong = 'PONG', ignoreCase = true } = options;
  const isText = (wanted: string) => {
    const folded = wanted.toLowerCase();
    return (message: unknown): boolean =>
      typeof message === 'string' &&
      message.length === wanted.length &&
      (message === wanted || (ignoreCase && message.toLowerCase() === folded));
  };
  return {
    isPing: isText(ping),
    isPong: pong === false ? () => false : isText(pong),
    pong: () => (pong === false ? undefined : pong),
    ping: () => ping,
  };
}
