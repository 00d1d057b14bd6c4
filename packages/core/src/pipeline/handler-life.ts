import { callSafely } from '../call/call-safely.ts';
import { onRejection } from '../call/promise-like.ts';
import { PipelineError, toError } from '../errors.ts';
import type { HandlerContext } from './handler-context.ts';
import { ADDED, REMOVED } from './handler-mask.ts';
import { has, isLinked, type Ring, unlink } from './handler-ring.ts';

/** The pipeline to which handlers are added and from which they are removed. */
export interface HandlerHome extends Ring<HandlerContext> {
  fireExceptionCaught(error: Error): void;
}

/** Returns true if `handlerAdded` of the handler has not run. */
export function isPending(context: HandlerContext): boolean {
  return (context.bits & (ADDED | REMOVED)) === 0;
}

/** Calls `handlerAdded` once. If it throws, removes the handler and fires the error. */
export function callHandlerAdded(home: HandlerHome, context: HandlerContext): void {
  if (!isPending(context)) return;
  context.bits |= ADDED;
  // No closure, because each connection has several handlers.
  try {
    const returned: unknown = context.handler.handlerAdded?.(context);
    if (returned !== undefined) onRejection(returned, (error) => dropFailed(home, context, error));
  } catch (thrown) {
    dropFailed(home, context, toError(thrown));
  }
}

const handlerRemoved = (context: HandlerContext): unknown =>
  context.handler.handlerRemoved?.(context);

/** Calls `handlerRemoved` once, if `handlerAdded` has run. */
export function callHandlerRemoved(home: HandlerHome, context: HandlerContext): void {
  const wasAdded = has(context, ADDED);
  setRemoved(context);
  if (!wasAdded || context.handler.handlerRemoved === undefined) return;
  callSafely(handlerRemoved, context, (error) => removeFailed(home, context, error));
}

function dropFailed(home: HandlerHome, context: HandlerContext, error: Error): void {
  let removal = 'it was removed';
  if (has(context, ADDED)) {
    // The handler might have been removed or replaced before its handlerAdded ran.
    if (isLinked(context)) unlink(home, context);
    setRemoved(context);
    try {
      onRejection(handlerRemoved(context), (thrown) => removeFailed(home, context, thrown));
    } catch {
      removal = 'its handlerRemoved threw too, it was unlinked anyway';
    }
  }
  const text = `${context.name}.handlerAdded threw (${error.message}); ${removal}`;
  home.fireExceptionCaught(new PipelineError('PIPELINE_HANDLER_FAILED', text, {}, error));
}

function removeFailed(home: HandlerHome, context: HandlerContext, error: Error): void {
  const text = `${context.name}.handlerRemoved threw (${error.message})`;
  home.fireExceptionCaught(new PipelineError('PIPELINE_HANDLER_FAILED', text, {}, error));
}

function setRemoved(context: HandlerContext): void {
  context.bits = (context.bits & ~ADDED) | REMOVED;
}
