import { OptionError } from '@headrace/core';
import type { AuthOptions } from './auth-options.ts';

/** Refuses options that cannot work together, before a connection exists. */
export function checkAuthOptions<P, M, R>(options: AuthOptions<P, M, R>): void {
  if (typeof options.authenticate !== 'function') {
    throw new OptionError(
      'OPTION_INVALID',
      `authenticate is ${String(options.authenticate)}, but must be a function that decides on credentials`,
      { option: 'authenticate' },
    );
  }
  const { onDuplicate = 'allow', again = 'pass' } = options;
  if (onDuplicate !== 'allow' && options.sessions === undefined) {
    throw new OptionError(
      'OPTION_CONFLICT',
      `onDuplicate is '${onDuplicate}', but without sessions nobody knows which ids are connected; ` +
        'share a SessionRegistry between the handlers',
      { option: 'sessions' },
    );
  }
  if (again !== 'pass' && options.isCredentials === undefined) {
    throw new OptionError(
      'OPTION_CONFLICT',
      `again is '${again}', but without isCredentials every message counts as credentials`,
      { option: 'isCredentials' },
    );
  }
}
