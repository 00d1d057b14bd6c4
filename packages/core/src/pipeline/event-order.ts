import type { Handler } from '../contract.ts';
import { PipelineError } from '../errors.ts';
import { classOf } from './handler-names.ts';

/** Between two members of a ring. */
interface Place<P> {
  readonly prev: P;
  readonly next: P;
}

interface Member<P> extends Place<P> {
  readonly handler: Handler;
}

/**
 * Refuses a handler in a place where a declared event could not be heard: user events go towards the tail, so what fires
 * an event stands before what answers it. An event that no handler of the pipeline declares to fire may come from anywhere.
 *
 * @param ends - head and tail in one
 */
export function checkEventOrder<P extends Member<P>>(
  handler: Handler,
  { prev, next }: Place<P>,
  ends: P,
): void {
  const { answers = [], fires = [] } = handler.userEvents ?? {};
  for (const event of answers) {
    if (find('prev', prev, ends, 'fires', event) !== undefined) continue;
    const firing = find('next', next, ends, 'fires', event);
    if (firing !== undefined) throw misorder(handler, event, firing);
  }
  for (const event of fires) {
    if (find('prev', prev, ends, 'fires', event) !== undefined) continue;
    const answering = find('prev', prev, ends, 'answers', event);
    if (answering !== undefined) throw misorder(answering, event, handler);
  }
}

/** The first handler on the way from here to an end that declares the event so. */
function find<P extends Member<P>>(
  way: 'prev' | 'next',
  from: P,
  ends: P,
  does: 'fires' | 'answers',
  event: string,
): Handler | undefined {
  for (let one = from; one !== ends; one = one[way]) {
    if (one.handler.userEvents?.[does]?.includes(event) === true) return one.handler;
  }
  return undefined;
}

function misorder(answering: Handler, event: string, firing: Handler): PipelineError {
  const [answers, fires] = [classOf(answering), classOf(firing)];
  return new PipelineError(
    'PIPELINE_ORDER',
    `${answers} answers the ${event}, which only handlers before it can fire, but ${fires} after it fires it: put ${fires} before ${answers}`,
    { handler: answers, firedBy: fires, event },
  );
}
