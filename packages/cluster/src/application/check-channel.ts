import type { Channel } from '@headrace/core';
import { checkMethod } from '@headrace/core/authoring';

/**
 * Refuses a value that is not a channel, for example a worker's connection.
 *
 * @throws OptionError `OPTION_INVALID`
 */
export function checkChannel(channel: Channel): void {
  checkMethod(
    'channel',
    channel,
    'onClosed',
    'a channel of this node; a connection of a worker has its channel at its gateway',
  );
}
