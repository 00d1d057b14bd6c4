import { RespNull, RespPush } from '@headrace/resp';
import { outOfMemory } from '../memory.ts';
import type { Session } from '../session.ts';
import { type CommandTable, keyOf } from './command.ts';

export const PUBSUB_COMMANDS: CommandTable = {
  publish: {
    min: 2,
    run: ({ subscriptions }, [name, message]) => subscriptions.publish(name!, message!),
  },
  subscribe: { min: 1, max: Number.POSITIVE_INFINITY, run: subscribe },
  unsubscribe: { min: 0, max: Number.POSITIVE_INFINITY, run: unsubscribe },
};

/** Answers once for each name, up to the one for which there is no memory, or until an answer closes the connection. */
function subscribe(session: Session, args: readonly Buffer[]): undefined {
  for (const arg of args) {
    if (!session.channel.isOpen) return;
    const name = keyOf(arg);
    if (session.memory.isFull && !session.names.has(name)) {
      session.reply(outOfMemory());
      return;
    }
    session.names.add(name);
    session.subscriptions.add(name, session.channel);
    session.reply(new RespPush(['subscribe', arg, session.names.size]));
  }
}

function unsubscribe(session: Session, args: readonly Buffer[]): undefined {
  const names = args.length > 0 ? args.map(keyOf) : [...session.names];
  if (names.length === 0) session.reply(new RespPush(['unsubscribe', RespNull.STRING, 0]));
  for (const name of names) {
    session.names.delete(name);
    session.subscriptions.remove(name, session.channel);
    const bytes = Buffer.from(name, 'latin1');
    session.reply(new RespPush(['unsubscribe', bytes, session.names.size]));
  }
}
