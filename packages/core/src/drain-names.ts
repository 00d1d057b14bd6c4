/** The marks of the two events: who only looks for a drain, as a client's page does, need not load what carries one out. */
export const DRAIN_EVENT = 'headrace.DrainEvent';
export const DRAIN_START_EVENT = 'headrace.DrainStartEvent';
