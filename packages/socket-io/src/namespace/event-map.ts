// The types of events: maps of names to functions, as users of Socket.IO write them once for both ends.

/** Any function that a map of events can contain. */
// biome-ignore lint/suspicious/noExplicitAny: parameters of any types, which `unknown` and `never` do not accept
export type AnyListener = (...args: any[]) => unknown;

/** Events of any names with any arguments, for a namespace without types. */
export interface AnyEvents {
  // biome-ignore lint/suspicious/noExplicitAny: arguments of any types
  readonly [name: string]: (...args: any[]) => void;
}

/** The names of the events of a map. */
export type EventName<Map> = keyof Map & string;

/** The arguments of an event, with the function for its answer if it has one. */
export type EventArgs<Map, Name extends EventName<Map>> = Map[Name] extends AnyListener
  ? Parameters<Map[Name]>
  : never;

/** The arguments of an event without the function for its answer. */
export type SentArgs<Map, Name extends EventName<Map>> =
  EventArgs<Map, Name> extends [...infer Sent, AnyListener] ? Sent : EventArgs<Map, Name>;

/** The first argument of an event's answer. */
export type AnswerOf<Map, Name extends EventName<Map>> =
  EventArgs<Map, Name> extends [...unknown[], (...answer: infer Answer) => unknown]
    ? Answer extends [infer First, ...unknown[]]
      ? First
      : undefined
    : unknown;
