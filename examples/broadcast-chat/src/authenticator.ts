import { createHash, timingSafeEqual } from 'node:crypto';
import { type AuthAttempt, type AuthVerdict, GuessLimiter } from '@headrace/handlers';
import { inject, injectable } from '@headrace/inject';
import { clientIdFault, clientIdKey, normalizeClientId } from './client-id.ts';
import type { Member } from './members.ts';
import { type ChatSettings, SETTINGS } from './settings.ts';

const CREDENTIALS = 'AUTH:';

interface Credentials {
  readonly id: string;
  readonly token: string;
}

/** Decides on `AUTH:<clientId>` and `AUTH:<clientId>:<token>`. */
@injectable()
export class Authenticator {
  /** Digests, so that a comparison takes the same time for every token; `undefined` if no token is needed. */
  private readonly digests: ReadonlyMap<string, Buffer> | undefined;

  private readonly checkToken = new GuessLimiter().protect(
    ({ id, token }: Credentials) =>
      this.isTokenOf(id, token) ? { principal: { id } } : { refused: 'a wrong token' },
    ({ id }) => clientIdKey(id),
  );

  constructor(@inject(SETTINGS) { tokens }: ChatSettings) {
    this.digests =
      tokens &&
      new Map(
        Object.entries(tokens).map(([id, token]) => [
          clientIdKey(normalizeClientId(id)),
          digest(token),
        ]),
      );
  }

  isCredentials(text: string): boolean {
    return text.startsWith(CREDENTIALS);
  }

  /** Answers at once, unless tokens were guessed for this id from this address. */
  authenticate(
    text: string,
    attempt: AuthAttempt,
  ): AuthVerdict<Member, string> | PromiseLike<AuthVerdict<Member, string>> {
    const rest = text.slice(CREDENTIALS.length);
    const colon = rest.indexOf(':');
    const id = normalizeClientId(colon < 0 ? rest : rest.slice(0, colon));
    const token = colon < 0 ? '' : rest.slice(colon + 1);
    const fault = clientIdFault(id);
    if (fault !== undefined) {
      const reply = fault === 'empty' ? 'ERR:EMPTY_CLIENT_ID' : 'ERR:BAD_CLIENT_ID';
      return { refused: `a bad id (${fault})`, reply, stays: true };
    }
    if (this.digests === undefined) return { principal: { id } };
    return this.checkToken({ id, token }, attempt);
  }

  private isTokenOf(id: string, token: string): boolean {
    const known = this.digests?.get(clientIdKey(id));
    // An unknown id takes as long as a wrong token.
    const isEqual = timingSafeEqual(digest(token), known ?? NO_DIGEST);
    return isEqual && known !== undefined;
  }
}

const NO_DIGEST = Buffer.alloc(32);

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
