import { OptionError, type SlowMemberOptions } from '@headrace/core';
import { checkChoice, checkOptions, type KnownOptions } from '@headrace/core/authoring';
import type { MessageCodec } from '../envelope/body.ts';
import type { PresenceOptions } from './present-members.ts';

/** Options of `Cluster.group`. */
export interface ClusterGroupOptions<Message> extends PresenceOptions, SlowMemberOptions {
  /** How messages look on the bus. @default bytes as they are, texts as UTF-8, everything else as JSON */
  readonly codec?: MessageCodec<Message>;
  /**
   * When this node listens to the other ones: a member that is the first one here may miss what is sent in its first
   * milliseconds, unless it is `always`. @default 'with-members'
   */
  readonly listens?: 'with-members' | 'always';
}

const OPTIONS: KnownOptions<ClusterGroupOptions<unknown>> = {
  presence: true,
  idOf: true,
  codec: true,
  listens: true,
  slowMember: true,
  maxMemberBytes: true,
  maxMemberMessages: true,
  coalesceKey: true,
};

/** @throws OptionError */
export function checkGroupOptions<Message>(
  name: string,
  options: ClusterGroupOptions<Message>,
): void {
  if (typeof name !== 'string' || name === '') {
    throw new OptionError(
      'OPTION_INVALID',
      'the name of a cluster’s group is a text, the same on all nodes',
      {
        option: 'name',
      },
    );
  }
  checkOptions<object>('group', options, OPTIONS);
  checkChoice('presence', options.presence ?? 'count', [false, 'count', 'ids']);
  checkChoice('listens', options.listens ?? 'with-members', ['with-members', 'always']);
}

/** @throws OptionError if a group that is there would have to be another one */
export function checkSameOptions(name: string, has: object, given: object): void {
  for (const [option, value] of Object.entries(given)) {
    const before = (has as Record<string, unknown>)[option];
    if (Object.is(before, value)) continue;
    throw new OptionError(
      'OPTION_CONFLICT',
      `the group ${name} is there with another ${option}: give options once, and its name after that`,
      { option },
    );
  }
}
