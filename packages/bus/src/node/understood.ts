import { OptionError } from '@headrace/core';
import { toError } from '@headrace/core/authoring';

/**
 * Makes a check that rejects values that other nodes would not accept. Other nodes ignore heartbeats that are not valid, so they
 * would not see a node with a wrong address. The error does not quote the value, because the value can be a secret.
 */
export function understood<Given, T>(
  allowed: string,
  read: (given: Given) => T | undefined,
): (name: string, given: Given) => T {
  return (option, given) => {
    let text = `${option} must be ${allowed}`;
    try {
      const value = read(given);
      if (value !== undefined) return value;
    } catch (thrown) {
      text = `${option}: ${toError(thrown).message}`;
    }
    throw new OptionError('OPTION_INVALID', text, { option });
  };
}
