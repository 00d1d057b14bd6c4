import type { Handler } from '../contract.ts';
import { PipelineError } from '../errors.ts';
import { classOf } from './handler-names.ts';

/** The neighbors of a member or of a free place in a ring. */
interface Place<P> {
  readonly prev: P;
  readonly next: P;
}

interface Member<P> extends Place<P> {
  readonly handler: Handler;
}

/**
 * Refuses a handler if a declared event could not reach the handler that answers it. User events pass towards the tail, so the
 * handler that fires an event must be before the handler that answers it. An event that no handler of the pipeline declares to
 * fire can come from anywhere.
 *
 * @param ends - member that is both head and tail
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

/** Returns the first handler between `from` and the head or tail that declares the event in this way. */
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
