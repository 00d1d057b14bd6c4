import type { Channel } from '@headrace/core';
import { ResumeTable } from '@headrace/lasting';
import type { ResumeMachine } from '../../src/protocol/resume-machine.ts';

type Wanted = Parameters<ResumeTable['open']>[0];

/** A message counts as received when it arrives, not when the pipeline has taken it. */
export class EarlyTable extends ResumeTable {
  override open(wanted: Wanted, link: Channel): ReturnType<ResumeTable['open']> {
    const session = super.open(wanted, link);
    const { machine } = session;
    const received = machine.received.bind(machine);
    const taken = machine.taken.bind(machine);
    machine.taken = () => {};
    machine.received = (frame) => {
      const action = received(frame);
      if (action instanceof Uint8Array) taken(action.length);
      return action;
    };
    return session;
  }
}

/** The old secret is forgotten when the new one is made, although RESUMED may get lost. */
export class ForgetfulTable extends ResumeTable {
  override open(wanted: Wanted, link: Channel): ReturnType<ResumeTable['open']> {
    const session = super.open(wanted, link);
    const machine: ResumeMachine = session.machine;
    const resume = machine.resume.bind(machine);
    machine.resume = (frame, greeting) => {
      const action = resume(frame, greeting);
      machine['confirm']();
      return action;
    };
    return session;
  }
}
