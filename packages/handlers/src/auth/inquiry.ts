import type { Channel } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { AuthAttempt, AuthVerdict } from './auth-options.ts';
import { PendingAttempt } from './pending-attempt.ts';

type Verdict<Principal, Reply> = AuthVerdict<Principal, Reply>;

/** Asks an authenticator: at once or later there is a verdict, or none because it waits for credentials. */
export type Question<Principal, Reply> = (
  attempt: AuthAttempt,
) => Verdict<Principal, Reply> | PromiseLike<Verdict<Principal, Reply>> | undefined;

/** The receiver of an {@link Inquiry}'s reports. */
export interface InquiryOwner<Principal, Reply> {
  /** The authenticator is asked. */
  began(): void;
  /** It answers later. */
  waits(): void;
  /** It has no answer, and waits for credentials. */
  undecided(): void;
  decided(verdict: Verdict<Principal, Reply>): void;
  /** It threw or rejected. */
  failed(cause: Error): void;
}

/** The questions of one channel to its authenticator: only the last one counts, and only until it is aborted. */
export class Inquiry<Principal, Reply> {
  private readonly owner: InquiryOwner<Principal, Reply>;
  private attempt: PendingAttempt | undefined = undefined;

  constructor(owner: InquiryOwner<Principal, Reply>) {
    this.owner = owner;
  }

  /** An answer is awaited. */
  get isOpen(): boolean {
    return this.attempt !== undefined;
  }

  ask(channel: Channel, question: Question<Principal, Reply>): void {
    const attempt = new PendingAttempt(channel);
    this.attempt = attempt;
    this.owner.began();
    try {
      const answer = question(attempt);
      if (answer === undefined) {
        this.attempt = undefined;
        this.owner.undecided();
      } else if ('then' in answer) {
        // Unless the authenticator itself, in what it did, had this session kicked.
        if (this.attempt === attempt) this.owner.waits();
        answer.then(
          (verdict) => this.decided(attempt, verdict),
          (thrown: unknown) => this.failed(attempt, toError(thrown)),
        );
      } else this.decided(attempt, answer);
    } catch (thrown) {
      this.failed(attempt, toError(thrown));
    }
  }

  /** The answer is not wanted any more. */
  abort(why: Error | undefined): void {
    this.attempt?.abort(why);
    this.attempt = undefined;
  }

  private decided(attempt: PendingAttempt, verdict: Verdict<Principal, Reply>): void {
    if (this.isOver(attempt)) return;
    this.owner.decided(verdict);
  }

  private failed(attempt: PendingAttempt, cause: Error): void {
    if (this.isOver(attempt)) return;
    this.owner.failed(cause);
  }

  /** An answer that is not awaited any more is dropped. */
  private isOver(attempt: PendingAttempt): boolean {
    if (this.attempt !== attempt) return true;
    this.attempt = undefined;
    return false;
  }
}
