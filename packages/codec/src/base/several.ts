import { KeptInput, type KeptInputSteps } from '@headrace/core/authoring';

/** The result of an encoder or decoder that makes more than one message from one message. */
export class Several<T> {
  readonly messages: readonly T[];
  /** @internal Creates what keeps the messages while reads are held. A page without several messages does not load it. */
  readonly keptBy: (steps: KeptInputSteps) => KeptInput;

  /** @internal Use {@link several}. */
  constructor(messages: readonly T[], keptBy: (steps: KeptInputSteps) => KeptInput) {
    this.messages = messages;
    this.keptBy = keptBy;
  }
}

/** Returns several messages in place of one message, in order: `return several(header, body)`. */
export function several<T>(...messages: readonly T[]): Several<T> {
  return severalOf(messages);
}

/** As {@link several}, of a list that may be too long for arguments. */
export function severalOf<T>(messages: readonly T[]): Several<T> {
  return new Several(messages, (steps) => new KeptInput(steps));
}
