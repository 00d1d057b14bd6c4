import type { StateMessage } from '@headrace/durable';

/** Short words for messages of a state group: `a=1@3` sets, `-a@4` deletes, `a+{"x":1}@4 from 3` patches. */
export function words(messages: readonly unknown[]): string[] {
  return messages.map((given) => {
    const message = given as StateMessage;
    if (message.type === 'begin') return message.recovered ? 'again' : 'begin';
    if (message.type === 'ready') return `ready@${message.version}`;
    if (message.type === 'delete') return `-${message.key}@${message.version}`;
    if (message.type === 'patch') {
      const { key, patch, from, version } = message;
      return `${key}+${JSON.stringify(patch)}@${version} from ${from}`;
    }
    return `${message.key}=${JSON.stringify(message.value)}@${message.version}`;
  });
}
