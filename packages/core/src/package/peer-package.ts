import { OptionError, toError } from '../errors.ts';

/**
 * Imports an optional peer package. Rejects with the error that the package's code throws.
 *
 * @throws OptionError `OPTION_INVALID` if the package is not installed; the message contains `install`
 */
export async function importPeer<T>(
  name: string,
  install: string,
  load: () => Promise<T>,
): Promise<T> {
  try {
    return await load();
  } catch (thrown) {
    const cause = toError(thrown);
    const { code } = cause as NodeJS.ErrnoException;
    const isMissing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
    if (!isMissing || !cause.message.includes(name)) throw cause;
    throw new OptionError(
      'OPTION_INVALID',
      `the package ${name} is not installed: ${install}`,
      { package: name },
      cause,
    );
  }
}
