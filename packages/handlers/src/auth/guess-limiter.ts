import { type Channel, clientAddress } from '@headrace/core';
import { atOnce, describeOptions, fn, number, whole } from '@headrace/core/authoring';
import { addressKey } from '../limit/address-key.ts';
import type { AuthAttempt, AuthVerdict } from './auth-options.ts';

/** Options of a {@link GuessLimiter}. */
export interface GuessLimiterOptions {
  /** Wrong tries of one client that cost it nothing. @default 3 */
  readonly freeTries?: number;
  /** How long the next one waits; each further one twice as long. @default 500 */
  readonly delayMs?: number;
  /** Never longer than this. @default 30000 */
  readonly maxDelayMs?: number;
  /** The time in which one wrong try is forgiven. @default 60000 */
  readonly forgiveEveryMs?: number;
  /** Clients remembered at a time; the ones seen least lately are forgotten first. @default 10000 */
  readonly maxClients?: number;
  /** What counts as one client; `undefined` is never slowed down. @default its address, or its IPv6 /64 network */
  readonly clientOf?: (channel: Channel) => string | undefined;
}

const OPTIONS = describeOptions('GuessLimiter', {
  freeTries: whole({ default: 3 }),
  delayMs: number({ min: 1, default: 500 }),
  maxDelayMs: number({ min: 1, max: 2 ** 31 - 1, default: 30_000 }),
  forgiveEveryMs: number({ min: 1, default: 60_000 }),
  maxClients: whole({ min: 1, default: 10_000 }),
  clientOf: fn({ purpose: 'names the client of a channel' }),
});

interface Guesses {
  /** Wrong ones, and those whose outcome is not known yet: many tries at once do not avoid the limit. */
  wrong: number;
  forgivenAt: number;
  readyAt: number;
}

type Answer<P, R> = AuthVerdict<P, R> | PromiseLike<AuthVerdict<P, R>>;
type Authenticate<M, P, R> = (message: M, attempt: AuthAttempt) => Answer<P, R>;

/**
 * Slows down the guessing of secrets: after some wrong tries, the next ones of the same client wait, each
 * twice as long, and one after the other however many connections it opens. The memory is bounded.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { AuthHandler, GuessLimiter, secretsEqual } from '@headrace/handlers';
 *
 * const guesses = new GuessLimiter({ freeTries: 3 });
 * const authenticate = guesses.protect((token: string) =>
 *   secretsEqual(token, 'open sesame') ? { principal: 'ali' } : { refused: 'wrong token' },
 * );
 * const channel = new EmbeddedChannel(new AuthHandler({ authenticate }));
 * channel.writeInbound('open barley');
 * console.log(channel.isOutputShutdown);
 * // prints true
 * ```
 */
export class GuessLimiter {
  private readonly options: Required<Omit<GuessLimiterOptions, 'clientOf'>>;
  /** What counts as one client. */
  readonly clientOf: (channel: Channel) => string | undefined;
  private readonly clients = new Map<string, Guesses>();

  constructor(options: GuessLimiterOptions = {}) {
    this.options = OPTIONS.resolve(options);
    const { clientOf = (channel) => addressKey(clientAddress(channel)) } = options;
    this.clientOf = clientOf;
  }

  /** Clients that are remembered now. */
  get remembered(): number {
    return this.clients.size;
  }

  /** An authenticator that makes clients wait which have guessed wrong; for the AuthHandler. */
  protect<Message, Principal, Reply = Message>(
    authenticate: Authenticate<Message, Principal, Reply>,
  ): Authenticate<Message, Principal, Reply> {
    return (message, attempt) => {
      const client = atOnce('clientOf', this.clientOf(attempt.channel));
      if (client === undefined) return authenticate(message, attempt);
      const { clock } = attempt.channel;
      const waitMs = this.begin(client, clock.now());
      const answer =
        waitMs === 0
          ? authenticate(message, attempt)
          : wait(attempt, waitMs).then(() => authenticate(message, attempt));
      return this.watch(client, answer);
    };
  }

  /** Counts a try as wrong until it turns out right. Returns how many milliseconds it must wait. */
  begin(client: string, now: number): number {
    const { freeTries, delayMs, maxDelayMs } = this.options;
    const guesses = this.guessesOf(client, now);
    const excess = guesses.wrong - freeTries;
    guesses.wrong += 1;
    if (excess < 0) return 0;
    const delay = Math.min(maxDelayMs, delayMs * 2 ** Math.min(excess, 30));
    guesses.readyAt = Math.max(now, guesses.readyAt) + delay;
    return guesses.readyAt - now;
  }

  /** The try was right after all. */
  right(client: string): void {
    const guesses = this.clients.get(client);
    if (guesses === undefined) return;
    guesses.wrong -= 1;
    if (guesses.wrong <= 0) this.clients.delete(client);
  }

  private watch<P, R>(client: string, answer: Answer<P, R>): Answer<P, R> {
    const look = (verdict: AuthVerdict<P, R>): AuthVerdict<P, R> => {
      if ('principal' in verdict) this.right(client);
      return verdict;
    };
    return 'then' in answer ? answer.then(look) : look(answer);
  }

  private guessesOf(client: string, now: number): Guesses {
    const { forgiveEveryMs, maxClients } = this.options;
    const guesses = this.clients.get(client) ?? { wrong: 0, forgivenAt: now, readyAt: now };
    const forgiven = Math.floor((now - guesses.forgivenAt) / forgiveEveryMs);
    guesses.wrong = Math.max(0, guesses.wrong - forgiven);
    guesses.forgivenAt += forgiven * forgiveEveryMs;
    this.clients.delete(client);
    this.clients.set(client, guesses);
    if (this.clients.size > maxClients) {
      const [oldest] = this.clients.keys();
      this.clients.delete(oldest!);
    }
    return guesses;
  }
}

/** Rejects when the attempt is not wanted any more. */
function wait({ channel, signal }: AuthAttempt, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      timer.cancel();
      reject(signal.reason);
    };
    const timer = channel.clock.schedule(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
