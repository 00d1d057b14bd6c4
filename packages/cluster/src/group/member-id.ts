import type { Channel, Logger } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import { PRINCIPAL } from '@headrace/handlers';
import { MAX_ID_LENGTH } from '../presence/presence-message.ts';

/** Returns the id of a member for the other nodes, or undefined for a member that is only counted. */
export function memberId(
  channel: Channel,
  idOf: ((channel: Channel) => string | undefined) | undefined,
  logger: Logger,
): string | undefined {
  try {
    const id = idOf === undefined ? usualId(channel) : idOf(channel);
    if (id === undefined || (typeof id === 'string' && id.length <= MAX_ID_LENGTH)) return id;
    const what = typeof id === 'string' ? `${id.length} characters` : typeof id;
    throw new TypeError(`${what}, but it is a text of up to ${MAX_ID_LENGTH}`);
  } catch (thrown) {
    const error = toError(thrown);
    logger.log('warn', `${channel} is a member without an id: ${error.message}`, error);
    return undefined;
  }
}

function usualId(channel: Channel): string {
  const principal: unknown = channel.attributes.get(PRINCIPAL);
  if (typeof principal === 'string') return principal;
  const id = (principal as { readonly id?: unknown } | null | undefined)?.id;
  return typeof id === 'string' ? id : channel.id;
}
