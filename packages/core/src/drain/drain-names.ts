/** The marks of the two events. Code that only recognizes a drain, such as a client's page, need not load the classes. */
export const DRAIN_EVENT = 'headrace.DrainEvent';
export const DRAIN_START_EVENT = 'headrace.DrainStartEvent';
