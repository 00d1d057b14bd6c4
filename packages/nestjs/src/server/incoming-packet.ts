/** Ends the answers of a request. */
export interface Unsubscribable {
  unsubscribe(): void;
}

/**
 * A request or an event of a peer, while it is worked on.
 *
 * A request is *open* until its last answer, and *running* until its function has settled. One that was cancelled is
 * not open any more, but goes on running, and so keeps its place: otherwise a peer could ask and cancel in turn, and
 * have any number of functions run.
 */
export class IncomingPacket {
  /** `undefined` for an event. */
  readonly id: string | number | undefined;
  isOpen = true;
  isRunning = true;
  /** Its place is free again. */
  hasLeft = false;
  private answers: Unsubscribable | undefined = undefined;
  private controller: AbortController | undefined = undefined;

  constructor(id: string | number | undefined) {
    this.id = id;
  }

  get isEvent(): boolean {
    return this.id === undefined;
  }

  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (!this.isOpen) this.controller.abort();
    return this.controller.signal;
  }

  /** The function gave its answers, which go on until they complete or the request is cancelled. */
  answering(answers: Unsubscribable): void {
    this.answers = answers;
    if (!this.isOpen) answers.unsubscribe();
  }

  /** Nobody waits any more. */
  cancel(): void {
    this.isOpen = false;
    this.controller?.abort();
    this.answers?.unsubscribe();
  }
}
