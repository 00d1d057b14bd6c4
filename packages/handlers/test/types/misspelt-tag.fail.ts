// expect: is not assignable to type '"a tag that a message has"'
import { matchTag } from '@headrace/handlers';

type Message = { type: 'login'; user: string } | { type: 'logout' };

matchTag<Message>()('type', {
  login: (_ctx, { user }) => void user.length,
  logoff: () => {}, // here
});
