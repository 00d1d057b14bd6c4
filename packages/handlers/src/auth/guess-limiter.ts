import { createHash } from 'node:crypto';
import { type Channel, clientAddress } from '@headrace/core';
import {
  checkFunction,
  describeOptions,
  fn,
  number,
  onAbort,
  RANDOM,
  RecentMap,
  whole,
} from '@headrace/core/authoring';
import { addressKey } from '../limit/address-key.ts';
import { reportRefusal } from '../limit/report-refusal.ts';
import { TokenBuckets } from '../limit/token-buckets.ts';
import { type AuthAttempt, type AuthVerdict, acceptedBy } from './auth-options.ts';

/** Options of a {@link GuessLimiter}. */
export interface GuessLimiterOptions {
  /** Number of wrong tries of one client for one name that are checked without a wait. @default 5 */
  readonly freeTries?: number;
  /** Time after which one wrong try of one client for one name is forgiven, in milliseconds. @default 30000 */
  readonly forgiveEveryMs?: number;
  /**
   * Factor by which the limits are higher for all names of one client together, and for all clients of one name together.
   * @default 10
   */
  readonly sharedFactor?: number;
  /**
   * Maximum time that a try waits, in milliseconds. If a try cannot be checked within this time, it is refused. Keep the value
   * below the `timeoutMs` of the AuthHandler.
   * @default 5000
   */
  readonly maxDelayMs?: number;
  /**
   * Maximum number of clients, of names, and of pairs of client and name that are remembered. The least recently seen entries are
   * forgotten first.
   * @default 10000
   */
  readonly maxClients?: number;
  /**
   * Returns the client that a channel belongs to. If the function returns `undefined`, the channel is never slowed down.
   * @default its address, or its IPv6 /64 network
   */
  readonly clientOf?: (channel: Channel) => string | undefined;
  /** Returns a number from 0 to 1 that chooses among waiting tries. Tests replace the function. @default Math.random */
  readonly random?: () => number;
}

const OPTIONS = describeOptions('GuessLimiter', {
  freeTries: whole({ min: 1, max: Number.MAX_SAFE_INTEGER, default: 5 }),
  forgiveEveryMs: number({ min: 1, default: 30_000 }),
  sharedFactor: number({ min: 1, default: 10 }),
  maxDelayMs: number({ min: 1, max: 2 ** 31 - 1, default: 5000 }),
  maxClients: whole({ min: 1, default: 10_000 }),
  clientOf: fn({ answers: 'sync', purpose: 'names the client of a channel' }),
  random: RANDOM,
});

/** Number of checks whether a waiting try may proceed. */
const LOOKS = 10;
const TOO_MANY = 'not checked: too many wrong tries from this address or for this name';

/** The function `authenticate` of an {@link AuthHandler}'s options. */
export type Authenticate<Message, Principal, Reply = never> = (
  message: Message,
  attempt: AuthAttempt,
) => AuthVerdict<Principal, Reply> | PromiseLike<AuthVerdict<Principal, Reply>>;
type Answer<P, R> = ReturnType<Authenticate<never, P, R>>;

/** The shares that a try takes from. */
type Shares = readonly (readonly [buckets: TokenBuckets, key: string])[];

/**
 * Limits the guessing of secrets. It counts the wrong tries of one client for one name, of one client for all names, and of all
 * clients for one name. A try above a limit waits for a short time. If the limit still applies then, the try is refused without a
 * check of its secret.
 *
 * Waiting tries take no share from other tries. Each try that a share still allows is given to a waiting try at random, with
 * equal chances. A new try also waits if the share is not sufficient for all. If `n` guesses always wait at an address, a new
 * client there is accepted after `n + 1` times 3 s on average, with the defaults.
 *
 * A try gives back its share after the answer if the try was right, if its check failed, or if the client has gone. A client
 * that has signed in with a name and is remembered is not kept out by guesses of other names at its address, or of its name
 * elsewhere.
 *
 * With the defaults, a guesser has 120 tries per hour for one name from one address, after 5 tries at once. From one address over
 * all names, and for one name from all addresses, the limit is 1200 tries per hour, after 50 tries at once.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { AuthHandler, GuessLimiter, secretsEqual } from '@headrace/handlers';
 *
 * const guesses = new GuessLimiter({ freeTries: 3 });
 * const authenticate = guesses.protect(
 *   ({ name, password }: { name: string; password: string }) =>
 *     name === 'ali' && secretsEqual(password, 'open sesame')
 *       ? { principal: name }
 *       : { refused: 'wrong name or password' },
 *   ({ name }) => name,
 * );
 * const channel = new EmbeddedChannel(new AuthHandler({ authenticate }));
 * channel.writeInbound({ name: 'ali', password: 'open barley' });
 * console.log(channel.isOutputShutdown);
 * // prints true
 * ```
 */
export class GuessLimiter {
  readonly clientOf: (channel: Channel) => string | undefined;
  private readonly maxDelayMs: number;
  private readonly pairs: TokenBuckets;
  private readonly clients: TokenBuckets;
  private readonly names: TokenBuckets;
  private readonly random: () => number;
  /** Number of tries that wait for each share. */
  private readonly waiting = new Map<TokenBuckets, Map<string, number>>();
  /** Pairs of client and name that have signed in. */
  private readonly known: RecentMap<true>;

  constructor(options: GuessLimiterOptions = {}) {
    const resolved = OPTIONS.resolve(options);
    const { freeTries, forgiveEveryMs, sharedFactor, maxClients } = resolved;
    const { clientOf = (channel: Channel) => addressKey(clientAddress(channel)) } = resolved;
    const perSecond = 1000 / forgiveEveryMs;
    const sharedRate = { perSecond: perSecond * sharedFactor, burst: freeTries * sharedFactor };
    this.clientOf = clientOf;
    this.maxDelayMs = resolved.maxDelayMs;
    this.random = resolved.random;
    this.pairs = new TokenBuckets({ perSecond, burst: freeTries }, maxClients);
    this.clients = new TokenBuckets(sharedRate, maxClients);
    this.names = new TokenBuckets(sharedRate, maxClients);
    this.known = new RecentMap(maxClients);
  }

  /** Number of clients and names that are remembered for their wrong tries. */
  get remembered(): number {
    return this.clients.size + this.names.size;
  }

  /**
   * Returns an authenticator for the AuthHandler that checks no more tries than the limits allow.
   *
   * @param nameOf - a function that returns the name in the credentials, in one spelling, as the authenticator compares it.
   * Without a name, as for a token, only the tries of each client are counted
   * @param authenticate - the function that refuses a wrong secret. A throw means that the check failed, and is not counted
   * @throws OptionError `OPTION_INVALID` if `nameOf` is not a function
   */
  protect<Message, Principal, Reply = never>(
    authenticate: Authenticate<Message, Principal, Reply>,
    nameOf: (message: Message) => string | undefined = () => undefined,
  ): Authenticate<Message, Principal, Reply> {
    const nameIn = checkFunction('nameOf', nameOf, { answers: 'sync' });
    const limited: Authenticate<Message, Principal, Reply> = (message, attempt) => {
      const client = this.clientOf(attempt.channel);
      if (client === undefined) return authenticate(message, attempt);
      const given: unknown = nameIn(message);
      const name = typeof given === 'string' ? given : undefined;
      const pair = name === undefined ? undefined : digest(`${client}\n${name}`);
      const shares = this.sharesOf(client, name, pair);
      const check = (): Answer<Principal, Reply> =>
        this.watch(pair, shares, attempt, () => authenticate(message, attempt));
      const short = this.short(shares, attempt.channel.clock.now());
      return short.length === 0 && take(shares, attempt)
        ? check()
        : this.turn(shares, short, attempt).then((came) => {
            if (came) return check();
            reportRefusal(
              attempt.channel,
              'GuessLimiter',
              `GuessLimiter refused a sign-in of ${client}: ${TOO_MANY}`,
            );
            return { refused: TOO_MANY };
          });
    };
    return limited;
  }

  private sharesOf(client: string, name: string | undefined, pair: string | undefined): Shares {
    const ofClient = [this.clients, client] as const;
    if (name === undefined || pair === undefined) return [ofClient];
    const ofPair = [this.pairs, pair] as const;
    if (this.known.peek(pair)) return [ofPair];
    return [ofPair, ofClient, [this.names, digest(name)]];
  }

  /** Returns the shares that are not sufficient for one more try after the waiting tries. */
  private short(shares: Shares, now: number): Shares {
    return shares.filter((share) => share[0].left(share[1], now) <= this.inLine(share));
  }

  /** Returns the number of tries that wait for a share. */
  private inLine([buckets, key]: Shares[number]): number {
    return this.waiting.get(buckets)?.get(key) ?? 0;
  }

  /** Returns the chance that a waiting try is checked now. */
  private chance(awaited: Shares, now: number): number {
    return Math.min(...awaited.map((share) => share[0].left(share[1], now) / this.inLine(share)));
  }

  private count(shares: Shares, change: 1 | -1): void {
    for (const [buckets, key] of shares) {
      const line = this.waiting.get(buckets) ?? new Map<string, number>();
      this.waiting.set(buckets, line);
      const left = (line.get(key) ?? 0) + change;
      if (left > 0) line.set(key, left);
      else line.delete(key);
    }
  }

  /**
   * Resolves with true when the try may be checked and has taken its shares, or with false after the maximum wait. Rejects if the
   * attempt is aborted.
   *
   * @param short - the shares that are not sufficient
   */
  private async turn(shares: Shares, short: Shares, attempt: AuthAttempt): Promise<boolean> {
    const { clock } = attempt.channel;
    const now = clock.now();
    // A guess that its own share keeps out does not wait for a share that others need.
    const lacking = short.filter(([buckets, key]) => buckets.left(key, now) < 1);
    const awaited = lacking.length === 0 ? short : lacking.slice(0, 1);
    this.count(awaited, 1);
    try {
      for (let looks = 0; looks < LOOKS; looks++) {
        await wait(attempt, this.maxDelayMs / LOOKS);
        // The other tries do the same. Neither the order of the timers nor the order of arrival must decide.
        if (this.random() < this.chance(awaited, clock.now()) && take(shares, attempt)) return true;
      }
      return false;
    } finally {
      this.count(awaited, -1);
    }
  }

  /**
   * Checks a try. A try that is right, is aborted, or cannot be checked gives back its shares. The shares are given back only
   * after the answer, because the secret is being checked until then.
   */
  private watch<P, R>(
    pair: string | undefined,
    shares: Shares,
    { channel, signal }: AuthAttempt,
    ask: () => Answer<P, R>,
  ): Answer<P, R> {
    const giveBack = (): void => {
      const now = channel.clock.now();
      for (const [buckets, key] of shares) buckets.giveBack(key, now);
    };
    const look = (verdict: AuthVerdict<P, R>): AuthVerdict<P, R> => {
      const isRight = acceptedBy(verdict) !== undefined;
      if (isRight || signal.aborted) giveBack();
      if (isRight && pair !== undefined) this.known.use(pair, true);
      return verdict;
    };
    const failed = (error: unknown): never => {
      giveBack();
      throw error;
    };
    let answer: Answer<P, R>;
    try {
      answer = ask();
    } catch (error) {
      return failed(error);
    }
    return 'then' in answer ? Promise.resolve(answer).then(look, failed) : look(answer);
  }
}

/** Takes from all shares, or from none. */
function take(shares: Shares, { channel }: AuthAttempt): boolean {
  const now = channel.clock.now();
  if (!shares.every(([buckets, key]) => buckets.left(key, now) >= 1)) return false;
  for (const [buckets, key] of shares) buckets.take(key, now);
  return true;
}

/** Returns a digest of a name. A stranger sends the name, so it may be long or a part of a larger text. */
function digest(name: string): string {
  return createHash('sha256').update(name).digest('base64');
}

/** Resolves after a time. Rejects when the attempt is aborted. */
function wait({ channel, signal }: AuthAttempt, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, () => {
      timer.cancel();
      reject(signal.reason);
    });
    const timer = channel.clock.deadlines.schedule(() => {
      stopListening();
      resolve();
    }, ms);
  });
}
