import { ResumeTable } from '@headrace/lasting';
import type { ResumeMachine } from '../../src/protocol/resume-machine.ts';

type Open = ResumeTable['open'];

function machineOf(session: ReturnType<Open>): ResumeMachine {
  return session.transport['machine'];
}

/** A message counts as received when it arrives, not when the pipeline has taken it. */
export class EarlyTable extends ResumeTable {
  override open(...call: Parameters<Open>): ReturnType<Open> {
    const session = super.open(...call);
    const machine = machineOf(session);
    const received = machine.received.bind(machine);
    const taken = machine.taken.bind(machine);
    machine.taken = () => {};
    machine.received = (frame, receiver) =>
      received(frame, {
        arrived: (payload) => {
          taken(payload.length);
          receiver.arrived(payload);
        },
      });
    return session;
  }
}

/** The old secret is forgotten when the new one is made, although RESUMED may get lost. */
export class ForgetfulTable extends ResumeTable {
  override open(...call: Parameters<Open>): ReturnType<Open> {
    const session = super.open(...call);
    const machine = machineOf(session);
    const resume = machine.resume.bind(machine);
    machine.resume = (frame, greeting) => {
      const action = resume(frame, greeting);
      machine['confirm']();
      return action;
    };
    return session;
  }
}
