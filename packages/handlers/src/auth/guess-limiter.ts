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
import { TokenBuckets } from '../limit/token-buckets.ts';
import type { AuthAttempt, AuthVerdict } from './auth-options.ts';

/** Options of a {@link GuessLimiter}. */
export interface GuessLimiterOptions {
  /** How many wrong tries of one client for one name are checked without a wait. @default 5 */
  readonly freeTries?: number;
  /** The time in which one wrong try of one client for one name is forgiven. @default 30000 */
  readonly forgiveEveryMs?: number;
  /**
   * The factor by which the limits are higher for all names of one client together, and for all clients of one name together.
   * @default 10
   */
  readonly sharedFactor?: number;
  /**
   * The longest time that a try waits, in milliseconds; a try that cannot be checked by then is refused. Keep it below the
   * `timeoutMs` of the AuthHandler.
   * @default 5000
   */
  readonly maxDelayMs?: number;
  /**
   * The most entries (clients, names, and names of a client) that are remembered; the ones seen least recently are forgotten
   * first.
   * @default 10000
   */
  readonly maxClients?: number;
  /**
   * Gives the client that a channel counts as; a channel with `undefined` is never slowed down.
   * @default its address, or its IPv6 /64 network
   */
  readonly clientOf?: (channel: Channel) => string | undefined;
  /** Gives a number from 0 to 1 that chooses among waiting tries; replaced in tests. @default Math.random */
  readonly random?: () => number;
}

const OPTIONS = describeOptions('GuessLimiter', {
  freeTries: whole({ min: 1, max: Number.MAX_SAFE_INTEGER, default: 5 }),
  forgiveEveryMs: number({ min: 1, default: 30_000 }),
  sharedFactor: number({ min: 1, default: 10 }),
  maxDelayMs: number({ min: 1, max: 2 ** 31 - 1, default: 5000 }),
  maxClients: whole({ min: 1, default: 10_000 }),
  clientOf: fn({ answers: 'at once', purpose: 'names the client of a channel' }),
  random: RANDOM,
});

/** A try that waits looks so many times whether it may be checked. */
const LOOKS = 10;
const TOO_MANY = 'not checked: too many wrong tries from this address or for this name';

/** The function `authenticate` of an {@link AuthHandler}'s options. */
export type Authenticate<Message, Principal, Reply = Message> = (
  message: Message,
  attempt: AuthAttempt,
) => AuthVerdict<Principal, Reply> | PromiseLike<AuthVerdict<Principal, Reply>>;
type Answer<P, R> = ReturnType<Authenticate<never, P, R>>;

/** The shares from which a try takes. */
type Shares = readonly (readonly [buckets: TokenBuckets, key: string])[];

/**
 * Limits the guessing of secrets. It counts the wrong tries of one client for one name, of one client for all names, and of
 * all clients for one name. A try above a limit waits for a short time, and is then refused without a look at its secret.
 * Tries that wait take nothing from others, and have equal chances: each try that a share still allows goes to one of them at
 * random. A new try waits with the others if the share is not enough for all. So a client that is new at an address where `n`
 * guesses wait at a time is accepted after `n + 1` times 3 s on average, with the defaults. Right tries, those whose check
 * fails and those that go away give back what they took, once the answer has come. Guesses of other names at its address,
 * or of its name elsewhere, do not keep out a client that has signed in with a name and is remembered. The memory is bounded.
 *
 * With the defaults a guesser gets 120 tries an hour for one name from one address, after 5 at once; 1200 an hour,
 * after 50 at once, from one address over all names, and for one name from all addresses.
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
  /** The client that a channel counts as. */
  readonly clientOf: (channel: Channel) => string | undefined;
  private readonly maxDelayMs: number;
  /** By client and name. */
  private readonly pairs: TokenBuckets;
  private readonly clients: TokenBuckets;
  private readonly names: TokenBuckets;
  private readonly random: () => number;
  /** How many tries wait for a share. */
  private readonly waiting = new Map<TokenBuckets, Map<string, number>>();
  /** Clients and names that have signed in. */
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

  /** Clients and names that are remembered now for their wrong tries. */
  get remembered(): number {
    return this.clients.size + this.names.size;
  }

  /**
   * An authenticator that checks no more tries than the limits allow; for the AuthHandler.
   *
   * @param nameOf - the name in the credentials, in one spelling, as the authenticator compares it; without it, or
   * where it returns no string as for a token without a name, only the tries of each client are counted
   * @param authenticate - refuses a wrong secret: a throw means that the check failed, and is not counted
   * @throws OptionError `OPTION_INVALID` if `nameOf` is not a function
   */
  protect<Message, Principal, Reply = Message>(
    authenticate: Authenticate<Message, Principal, Reply>,
    nameOf: (message: Message) => string | undefined = () => undefined,
  ): Authenticate<Message, Principal, Reply> {
    const nameIn = checkFunction('nameOf', nameOf, { answers: 'at once' });
    return (message, attempt) => {
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
        : this.turn(shares, short, attempt).then((came) =>
            came ? check() : { refused: TOO_MANY },
          );
    };
  }

  private sharesOf(client: string, name: string | undefined, pair: string | undefined): Shares {
    const ofClient = [this.clients, client] as const;
    if (name === undefined || pair === undefined) return [ofClient];
    const ofPair = [this.pairs, pair] as const;
    if (this.known.peek(pair)) return [ofPair];
    return [ofPair, ofClient, [this.names, digest(name)]];
  }

  /** The shares that are not enough for one more beside the tries that wait for them. */
  private short(shares: Shares, now: number): Shares {
    return shares.filter((share) => share[0].left(share[1], now) <= this.inLine(share));
  }

  /** How many tries wait for a share. */
  private inLine([buckets, key]: Shares[number]): number {
    return this.waiting.get(buckets)?.get(key) ?? 0;
  }

  /** Of one of the tries that wait for these shares, to be checked now. */
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
   * Resolves with true when the try may be checked: what it needs has been taken. Rejects if it goes away.
   *
   * @param short - of the shares, those that are not enough
   */
  private async turn(shares: Shares, short: Shares, attempt: AuthAttempt): Promise<boolean> {
    const { clock } = attempt.channel;
    const now = clock.now();
    // A guess that its own share keeps out waits for nothing that others need.
    const lacking = short.filter(([buckets, key]) => buckets.left(key, now) < 1);
    const awaited = lacking.length === 0 ? short : lacking.slice(0, 1);
    this.count(awaited, 1);
    try {
      for (let looks = 0; looks < LOOKS; looks++) {
        await wait(attempt, this.maxDelayMs / LOOKS);
        // The others look, too: whose turn comes first must not decide, nor who came first.
        if (this.random() < this.chance(awaited, clock.now()) && take(shares, attempt)) return true;
      }
      return false;
    } finally {
      this.count(awaited, -1);
    }
  }

  /**
   * A right try, one whose check failed, and one that went away before its answer give back what they took; not before
   * the answer: until then the secret is looked at.
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
      const isRight = 'principal' in verdict;
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
    return 'then' in answer ? answer.then(look, failed) : look(answer);
  }
}

/** All of them, or none. */
function take(shares: Shares, { channel }: AuthAttempt): boolean {
  const now = channel.clock.now();
  if (!shares.every(([buckets, key]) => buckets.left(key, now) >= 1)) return false;
  for (const [buckets, key] of shares) buckets.take(key, now);
  return true;
}

/** A name comes from a stranger: it may be long, and be a part of a larger text. */
function digest(name: string): string {
  return createHash('sha256').update(name).digest('base64');
}

/** Rejects when the attempt is not wanted any more. */
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
