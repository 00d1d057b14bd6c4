import { ChannelError, OptionError, RejectedError } from '@headrace/core';
import type { Rate } from '@headrace/core/authoring';
import type { StateEntry, StateLimits, StateRefusal } from '@headrace/store';
import { DURABLE_ERRORS } from '../durable-errors.ts';

/** Maximum number of times that a change is tried, because another one came first. */
export const MAX_TRIES = 100;

/** Makes the errors of one state group. */
export class StateErrors {
  private readonly group: string;
  private readonly limits: StateLimits;
  private readonly rate: Rate;

  constructor(group: string, limits: StateLimits, rate: Rate) {
    this.group = group;
    this.limits = limits;
    this.rate = rate;
  }

  conflict(key: string, expected: number | undefined, present: StateEntry | null): ChannelError {
    const { group } = this;
    const version = present?.position.offset ?? 0;
    const text = `the key ${JSON.stringify(key)} of the state group ${group} has the version ${version}, not ${expected}`;
    const details = { group, key, version, expected: expected ?? -1 };
    return new ChannelError(DURABLE_ERRORS.STATE_CONFLICT, text, details);
  }

  changedTooOften(key: string): ChannelError {
    const { group } = this;
    const text = `the key ${JSON.stringify(key)} of the state group ${group} changed ${MAX_TRIES} times in between`;
    return new ChannelError(DURABLE_ERRORS.STATE_CONFLICT, text, { group, key });
  }

  full({ full, size, most = 0 }: StateRefusal): RejectedError {
    const { group, limits } = this;
    const { keys: maxKeys, bytes: maxBytes } = limits;
    if (full === 'keys') {
      const text = `the state group ${group} has ${size} keys, and maxKeys is ${maxKeys}`;
      const details = { group, keys: size, maxKeys };
      return new RejectedError(DURABLE_ERRORS.STATE_KEYS_FULL, text, details);
    }
    const details = { group, bytes: size, maxBytes: full === 'store' ? most : maxBytes };
    const text =
      full === 'store'
        ? `the store of the state group ${group} would have ${size} bytes, and holds ${most} with room for removals: raise its size (maxBytes of natsBus)`
        : `the state group ${group} would have ${size} bytes, and maxBytes is ${maxBytes}`;
    return new RejectedError(DURABLE_ERRORS.STATE_BYTES_FULL, text, details);
  }

  tooOften(): RejectedError {
    const { group } = this;
    const { perSecond: changesPerSecond } = this.rate;
    const text = `this node changes the state group ${group} more than ${changesPerSecond} times a second`;
    return new RejectedError(DURABLE_ERRORS.STATE_RATE, text, { group, changesPerSecond });
  }

  /** An option, or a call, for which the database of `getState` decides. */
  notWithDatabase(option: string): OptionError {
    const text = `${option} is not possible in the state group ${this.group}: the database of getState decides about its keys`;
    return new OptionError('OPTION_CONFLICT', text, { option });
  }

  /** @param why - the end of the sentence */
  withoutDatabase(option: string, why = ''): OptionError {
    const text = `the state group ${this.group} has no getState${why}`;
    return new OptionError('OPTION_CONFLICT', text, { option });
  }
}
