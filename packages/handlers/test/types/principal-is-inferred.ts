// Compiles with TypeScript 5.5 and later: the principal is what the authenticator returns, although it may refuse.
import { AuthHandler, SessionRegistry } from '@headrace/handlers';

interface User {
  readonly id: string;
}

export const auth: AuthHandler<User> = new AuthHandler({
  authenticate: async (text: string, { signal }) =>
    signal.aborted ? { refused: 'too late' } : { principal: { id: text } as User },
  sessions: new SessionRegistry<User>((user) => user.id),
  replies: { accepted: (user) => `AUTH_OK ${user.id}` },
});
