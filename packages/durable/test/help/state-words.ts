import type { StateMessage } from '@headrace/durable';

/** Short words for messages of a state group: `a=1@3` sets, `-a@4` deletes. */
export function words(messages: readonly unknown[]): string[] {
  return messages.map((given) => {
    const message = given as StateMessage;
    if (message.type === 'begin') return message.recovered ? 'again' : 'begin';
    if (message.type === 'ready') return `ready@${message.version}`;
    if (message.type === 'delete') return `-${message.key}@${message.version}`;
    return `${message.key}=${JSON.stringify(message.value)}@${message.version}`;
  });
}
