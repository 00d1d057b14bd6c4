import { DecodeError, EncodeError } from '@headrace/core';
import { type StandardSchema, validate } from '@headrace/core/authoring';

/**
 * Checks the input of a notice at its sender, because no answer tells the sender about a wrong input. A DecodeError would end
 * the connection of the handler that sends the notice.
 *
 * @throws EncodeError `MESSAGE_NOT_ENCODABLE` if the input does not fit the schema
 */
export function checkNotice(schema: StandardSchema, input: unknown, where: string): void {
  try {
    validate(schema, input, `the input of ${where}`);
  } catch (thrown) {
    if (!(thrown instanceof DecodeError)) throw thrown;
    throw new EncodeError('MESSAGE_NOT_ENCODABLE', thrown.message, thrown.details, thrown);
  }
}
