// Ways to break, in memory, what a page's program is made of: the proof of a talk must find each.
import { join } from 'node:path';
import type { Plugin } from 'rolldown';
import { type Breakage, breakSource } from '../../../../scripts/mutants/located.ts';
import { root } from '../../../../scripts/workspace.ts';

export interface BrokenPackage {
  /** What the page does. */
  readonly name: string;
  /** From the root. */
  readonly file: string;
  readonly breakages: readonly Breakage[];
  /** What the proof says about it. */
  readonly found: RegExp;
}

const AGAIN = /came again/;
/** An acknowledgement that does not fit may come before the message that shows what is wrong. */
const ENDED = /^a channel ended: (bad-input|error HR_ERR_RESUME)/;
/** With the next message; a talk whose last ones are lost, or whose page has no credit left, does not complete. */
const MISSING = /^\d+ came after|^not complete/;

export const BROKEN_PACKAGES: readonly BrokenPackage[] = [
  {
    name: 'takes twice what waited when its link was lost',
    file: 'packages/lasting/src/channel/lasting-input.ts',
    breakages: [{ member: 'LastingInput.clearAfter', piece: 'super.clear();', replacement: '' }],
    found: AGAIN,
  },
  {
    name: 'acknowledges what its pipeline has not got',
    file: 'packages/lasting/src/channel/lasting-input.ts',
    breakages: [
      {
        member: 'LastingInput.arrived',
        piece: 'if (this.owner.isOver)',
        replacement: 'this.owner.taken(payload.length); if (this.owner.isOver)',
      },
      { member: 'LastingInput.pass', piece: 'this.owner.taken(length);', replacement: '' },
    ],
    found: MISSING,
  },
  {
    name: 'drops what was under way when it comes back',
    file: 'packages/lasting/src/protocol/resume-machine.ts',
    breakages: [
      {
        member: 'ResumeMachine.resumed',
        piece: 'this.beginOutgoing(received)',
        replacement: 'this.beginOutgoing(this.outgoing.highest)',
      },
    ],
    found: new RegExp(`${MISSING.source}|${ENDED.source}`),
  },
  {
    name: 'sends again what the server said it has',
    file: 'packages/lasting/src/protocol/resume-machine.ts',
    breakages: [
      {
        member: 'ResumeMachine.resumed',
        piece: 'this.beginOutgoing(received)',
        replacement: 'this.beginOutgoing(this.outgoing.acknowledged)',
      },
    ],
    found: new RegExp(`${AGAIN.source}|${ENDED.source}`),
  },
];

/** Puts the broken source in the place of the whole one. */
export function breaking({ file, breakages }: BrokenPackage): Plugin {
  const code = breakSource(root, file, breakages);
  const path = join(root, file);
  return {
    name: 'breaking',
    load: (id) => (id === path ? { code, moduleType: 'ts' } : null),
  };
}
